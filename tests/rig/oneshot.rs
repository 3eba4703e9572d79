//! The one-shot commands: their output, their exit codes, and that nothing is touched that should not be.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{LATER, Program};
use crate::rig::{Rig, eventually};

fn json(text: &str) -> Vec<Value> {
    serde_json::from_str::<Value>(text).unwrap().as_array().unwrap().clone()
}

#[test]
fn nothing_is_left_of_a_connection_however_it_ends() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let runtime = program.path("runtime");
    std::fs::create_dir(&runtime).unwrap();
    let left = || std::fs::read_dir(&runtime).unwrap().flatten().map(|entry| entry.file_name()).collect::<Vec<_>>();
    let out = program.command(&["--cluster", "rig", "jobs"]).env("XDG_RUNTIME_DIR", &runtime).output().unwrap();
    assert!(out.status.success(), "{out:?}");
    assert!(left().is_empty(), "after a question: {:?}", left());
    // Ended by somebody in the middle of it.
    let id = rig.run("sbatch --parsable -J endless --wrap 'echo begun; sleep 100'").trim().to_owned();
    let mut child = program.command(&["--cluster", "rig", "logs", "-f", &id]);
    let mut child = child.env("XDG_RUNTIME_DIR", &runtime).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!((line.as_str(), left().len()), ("begun\n", 1));
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(left().is_empty(), "after SIGTERM: {:?}", left());
    let mut term = program.open_with(&["--cluster", "rig"], &[("XDG_RUNTIME_DIR", &runtime)]);
    term.until(&id, LATER);
    term.keys("q");
    assert_eq!(term.wait_exit(LATER), 0);
    assert!(left().is_empty(), "after the application: {:?}", left());
    rig.run(&format!("scancel {id}"));
}

#[test]
fn lists_are_json_of_the_promised_shape() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let id = rig.run("sbatch --parsable -J listed -t 5 --comment=x --wrap 'sleep 100'").trim().to_owned();
    let clusters = json(&String::from_utf8(program.command(&["clusters", "--json"]).output().unwrap().stdout).unwrap());
    let host = clusters.iter().find(|c| c["name"] == "rig").unwrap();
    assert_eq!((host["kind"].as_str(), &host["region"], &host["head_node"]), (Some("host"), &Value::Null, &Value::Null));
    assert!(clusters.iter().any(|c| c["kind"] == "local" && c["name"] == "local"));
    let nodes = json(&program.say(&["nodes", "--json"]));
    assert_eq!(nodes.len(), 9);
    let node = nodes.iter().find(|n| n["name"] == "compute-st-c5large-1").unwrap();
    assert_eq!((node["cpus"].as_u64(), node["memory_mb"].as_u64(), node["address"].as_str()), (Some(2), Some(3891), Some("127.0.10.21")));
    assert_eq!(node["partitions"], serde_json::json!(["compute", "short"]));
    let jobs = json(&program.say(&["jobs", "--json"]));
    let job = jobs.iter().find(|j| j["id"] == id.as_str()).unwrap();
    assert_eq!((job["name"].as_str(), job["time_limit"].as_u64(), job["array_job_id"].is_null()), (Some("listed"), Some(300), true));
    assert!(job["submitted"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    let stdout = format!("/home/ec2-user/slurm-{id}.out");
    assert_eq!((job["stdout"].as_str(), job["stderr"].as_str()), (Some(stdout.as_str()), Some(stdout.as_str())));
    let keys: Vec<&str> = job.as_object().unwrap().keys().map(String::as_str).collect();
    let mut promised = [
        "id",
        "array_job_id",
        "array_task_id",
        "name",
        "user",
        "partition",
        "state",
        "reason",
        "nodes",
        "node_list",
        "cpus",
        "submitted",
        "started",
        "time_used",
        "time_limit",
        "work_dir",
        "stdout",
        "stderr",
    ];
    promised.sort_unstable();
    assert_eq!(keys, promised);
    rig.run(&format!("scancel {id}"));
}

#[cfg(feature = "aws")]
#[test]
fn clusters_come_from_ec2_and_nodes_are_joined_with_their_instances() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let out = program.command(&["clusters", "--json"]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let clusters = json(std::str::from_utf8(&out.stdout).unwrap());
    let demo = clusters.iter().find(|c| c["name"] == "demo").unwrap();
    assert_eq!(
        (demo["kind"].as_str(), demo["region"].as_str(), demo["version"].as_str()),
        (Some("parallelcluster"), Some("eu-west-1"), Some("3.16.1"))
    );
    assert_eq!(demo["head_node"]["instance_id"].as_str(), Some(rig.var("RIG_HEAD_INSTANCE")));
    let other = program.command(&["--region", "us-east-1", "clusters", "--json"]).output().unwrap();
    assert!(json(std::str::from_utf8(&other.stdout).unwrap()).iter().any(|c| c["name"] == "lab"));
    let nodes = program.command(&["--cluster", "demo", "nodes", "--json"]).output().unwrap();
    let nodes = json(std::str::from_utf8(&nodes.stdout).unwrap());
    let node = nodes.iter().find(|n| n["name"] == "compute-st-c5large-1").unwrap();
    assert_eq!(node["instance_id"].as_str(), Some(rig.var("RIG_INSTANCE_compute_st_c5large_1")));
    // A stream is followed while it grows, each event once.
    let mut follower = program.command(&["--cluster", "demo", "logs", "-f", "slurmctld"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.by_ref().any(|line| line.contains("event 199 of slurmctld")));
    rig.ctl(&["log-put", "slurmctld", "fresh one\nfresh two"]);
    let fresh: Vec<String> = lines.by_ref().take(2).collect();
    assert!(fresh[0].ends_with("fresh one") && fresh[1].ends_with("fresh two"), "{fresh:?}");
    follower.kill().unwrap();
    follower.wait().unwrap();
    // Each trouble has its own words and next step.
    let trouble = |change: &dyn Fn(&mut std::process::Command)| {
        let mut command = program.command(&["clusters"]);
        change(&mut command);
        let out = command.output().unwrap();
        assert_eq!(out.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&out.stdout).contains("rig"), "what needs no AWS is listed all the same");
        String::from_utf8(out.stderr).unwrap()
    };
    let said = trouble(&|c| {
        c.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    });
    assert!(said.contains("no credentials were found") && said.contains("aws configure"), "{said}");
    let said = trouble(&|c| {
        c.env_remove("AWS_REGION").env_remove("AWS_DEFAULT_REGION");
    });
    assert!(said.contains("no region is set"), "{said}");
    let said = trouble(&|c| {
        c.env("AWS_ENDPOINT_URL", "http://127.0.0.1:9");
    });
    assert!(said.contains("Connection refused") && said.contains("AWS_ENDPOINT_URL is http://127.0.0.1:9"), "{said}");
}

#[test]
fn arguments_reach_the_script_and_nothing_reaches_a_shell() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let script = program.path("it's a $(touch owned).sh");
    std::fs::write(&script, "#!/bin/bash\nprintf '<%s>\\n' \"$@\"; pwd\n").unwrap();
    let id = program.say(&["submit", &script, "--", "a b", "$(touch owned)", "it's"]).trim().to_owned();
    let log = program.say(&["logs", "-f", &id]);
    assert!(log.starts_with("<a b>\n<$(touch owned)>\n<it's>\n/home/ec2-user/qdeck-uploads/"), "{log}");
    assert!(!rig.run("ls -R ~/qdeck-uploads; ls").lines().any(|name| name == "owned"));
    rig.run("mkdir -p 'run dir'");
    program.script("where.sh", "#!/bin/bash\npwd\n");
    let id = program.say(&["submit", "--remote", "--dir", "run dir", "where.sh"]).trim().to_owned();
    assert_eq!(program.say(&["logs", "-f", &id]), "/home/ec2-user/run dir\n");
}

#[test]
fn refusals_are_told_in_the_scheduler_s_own_words() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    let bad = program.path("bad.sh");
    std::fs::write(&bad, "#!/bin/bash\n#SBATCH -p nosuch\n").unwrap();
    assert!(program.fail(&["submit", &bad]).contains("Invalid partition name specified"));
    assert!(program.fail(&["submit", "/no/such/file"]).contains("No such file"));
    assert!(program.fail(&["cancel", "999999"]).contains("Invalid job id specified"));
    let foreign = String::from_utf8(rig.ssh("rig-alice", "sbatch --parsable --wrap 'sleep 60'").stdout).unwrap();
    assert!(program.fail(&["cancel", foreign.trim()]).contains("Access/permission denied"));
    rig.ssh("rig-alice", &format!("scancel {foreign}"));
    assert!(program.fail(&["logs", "999999"]).contains("Invalid job id"));
    assert!(program.fail(&["fetch", "999999", &program.path("x")]).contains("Invalid job id"));
    let usage = program.command(&["jobs", "--nonsense"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    std::fs::write(program.path("config.yaml"), "hosts: []\nhost: x\n").unwrap();
    let config = program.command(&["config", "check"]).output().unwrap();
    assert_eq!(config.status.code(), Some(1));
    let said = String::from_utf8(config.stderr).unwrap();
    assert!(said.contains("config.yaml:2:1") && said.contains("nearest is `hosts`"), "{said}");
}

#[test]
fn logs_are_exact_bytes_and_a_closed_pipe_ends_them_quietly() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    program.script("bytes.sh", "#!/bin/bash\n#SBATCH -o bytes-%j.out -e bytes-%j.err\npython3 -c 'import sys; sys.stdout.buffer.write(bytes(range(256)) * 300)'\necho error >&2\n");
    let id = program.say(&["submit", "--remote", "bytes.sh"]).trim().to_owned();
    let all: Vec<u8> = (0..300).flat_map(|_| 0..=255_u8).collect();
    assert_eq!(program.run(&["logs", "-f", &id]).stdout, all);
    assert_eq!(program.run(&["logs", &id]).stdout, all);
    assert_eq!(program.say(&["logs", "--stderr", &id]), "error\n");
    program.script("many.sh", "#!/bin/bash\nseq 1 200000\nsleep 60\n");
    let id = program.say(&["submit", "--remote", "many.sh"]).trim().to_owned();
    let mut child =
        program.command(&["--cluster", "rig", "logs", "-f", &id]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "1\n");
    eventually("it to end with its pipe", LATER, || child.try_wait().unwrap().is_some());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{:?}", String::from_utf8_lossy(&out.stderr));
    program.say(&["cancel", &id]);
}

#[test]
fn a_fetch_touches_nothing_unasked_and_goes_on_where_it_was_cut() {
    let Some(rig) = Rig::shared() else { return };
    let program = Program::new(rig);
    rig.run(
        "mkdir -p work/sub; printf data > work/sub/data.bin; printf '#!/bin/bash\\n#SBATCH -o out-%%j.txt\\necho result\\n' > work/w.sh",
    );
    let id = program.say(&["submit", "--remote", "work/w.sh"]).trim().to_owned();
    assert_eq!(program.say(&["logs", "-f", &id]), "result\n");
    let dest = program.path("dest");
    program.say(&["fetch", &id, &dest]);
    let file = format!("{dest}/out-{id}.txt");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "result\n");
    std::fs::OpenOptions::new().append(true).open(&file).unwrap().write_all(b"mine").unwrap();
    let said = program.fail(&["fetch", &id, &dest]);
    assert!(said.contains(&format!("out-{id}.txt")) && said.contains("--overwrite"), "{said}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "result\nmine");
    program.say(&["fetch", &id, &dest, "--keep", "--work-dir"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "result\nmine");
    assert_eq!(std::fs::read_to_string(format!("{dest}/sub/data.bin")).unwrap(), "data");
    program.say(&["fetch", &id, &dest, "--overwrite"]);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "result\n");
}
