//! `qdeck doctor` beside real programs that are there, stopped, or out of reach.

use std::process::Output;

use serde_json::Value;

use crate::program::{LATER, Program, SOON};
use crate::rig::Rig;

/// State and words of every check by its name.
fn findings(out: &Output) -> Vec<(String, String, String)> {
    let all: Vec<Value> = serde_json::from_slice(&out.stdout).unwrap();
    let text = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    all.iter().map(|f| (text(f, "check"), text(f, "state"), format!("{} {}", text(f, "what"), text(f, "hint")))).collect()
}

#[track_caller]
fn is(out: &Output, check: &str, state: &str, words: &str) {
    let all = findings(out);
    let found = all.iter().any(|(name, how, what)| name == check && how == state && what.contains(words));
    assert!(found, "{check} is not {state} with {words:?}: {all:#?}\n{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn what_is_in_order_and_what_is_not_on_the_way_to_a_host() {
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    let doctor = || program.command(&["--json", "doctor", "rig"]).output().unwrap();
    let out = doctor();
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stdout));
    for (check, words) in [
        ("ssh", "OpenSSH"),
        ("rsync", "rsync"),
        ("host key", "SHA256:"),
        ("head node", "reached"),
        ("clock of the head node", "within"),
        ("slurmctld", "UP"),
        ("scheduler", "slurm"),
        ("disk space", "%"),
        ("quota", ""),
    ] {
        is(&out, check, "ok", words);
    }
    // A controller that hangs hides nothing else.
    rig.ctl(&["slurmctld-pause"]);
    let out = doctor();
    rig.ctl(&["slurmctld-resume"]);
    is(&out, "slurmctld", "not_ok", "within 4 s");
    is(&out, "disk space", "ok", "%");
    is(&out, "clock of the head node", "ok", "within");
    // Of two controllers each has its line, whichever of them is down.
    let conf = std::fs::read_to_string(rig.var("SLURM_CONF")).unwrap();
    let host = conf.lines().find(|line| line.starts_with("SlurmctldHost=")).unwrap();
    for (both, up, down) in [
        (format!("{host}\nSlurmctldHost=other(127.0.0.77)"), "primary", "backup"),
        (format!("SlurmctldHost=other(127.0.0.77)\n{host}"), "backup", "primary"),
    ] {
        std::fs::write(rig.var("SLURM_CONF"), conf.replace(host, &both)).unwrap();
        let out = doctor();
        is(&out, "slurmctld", "ok", &format!("({up})"));
        is(&out, "slurmctld", "not_ok", &format!("({down}) at other is DOWN Another controller works"));
        assert_eq!(out.status.code(), Some(1));
    }
    std::fs::write(rig.var("SLURM_CONF"), &conf).unwrap();
    // A scheduler that is installed and does not answer is not in order.
    rig.ctl(&["slurmctld-stop"]);
    let out = doctor();
    assert_eq!(out.status.code(), Some(1));
    is(&out, "scheduler", "not_ok", "");
    is(&out, "head node", "ok", "reached");
    rig.ctl(&["slurmctld-start"]);
    // On screen it is the same, as it comes.
    let term = program.open(&["--cluster", "rig"]);
    term.until("slurm now", SOON);
    term.keys("1gH");
    term.until("its shell answers", LATER);
    term.keys("<esc>");
    term.until_gone("its shell answers", SOON);
    // Nobody listens any more.
    rig.ctl(&["sshd-stop"]);
    let out = doctor();
    assert_eq!(out.status.code(), Some(1));
    is(&out, "head node", "not_ok", "");
    is(&out, "rsync", "ok", "rsync");
    rig.ctl(&["sshd-start"]);
}

#[cfg(feature = "aws")]
#[test]
fn aws_is_asked_who_we_are_and_what_we_may() {
    let Some(rig) = Rig::start(&[], &[]) else { return };
    let program = Program::new(&rig);
    let out = program.command(&["--json", "doctor", "demo"]).output().unwrap();
    for (check, words) in [
        ("AWS region", "eu-west-1"),
        ("AWS credentials", "123456789012"),
        ("AWS endpoint", "reached"),
        ("clock of AWS", "within"),
        ("ec2:DescribeInstances", "allowed"),
        ("compute fleet", "RUNNING"),
        ("log group", rig.var("RIG_LOG_GROUP")),
        ("scheduler", "slurm"),
    ] {
        is(&out, check, "ok", words);
    }
    // The rig has no clustermgtd: that is said, with what to do.
    is(&out, "clustermgtd", "not_ok", "supervisorctl");
    assert_eq!(out.status.code(), Some(1));
    let mut nobody = program.command(&["--json", "doctor"]);
    nobody.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let out = nobody.output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    is(&out, "AWS credentials", "not_ok", "aws configure");
    is(&out, "ssh", "ok", "OpenSSH");
    rig.ctl(&["moto-stop"]);
    let out = program.command(&["--json", "doctor"]).output().unwrap();
    assert_eq!(out.status.code(), Some(1));
    is(&out, "AWS endpoint", "not_ok", "");
    is(&out, "rsync", "ok", "rsync");
}

/// A home folder and an ssh_config of one's own, made of the rig's by `f`.
fn configured(rig: &Rig, program: &Program<'_>, clusters: &str, f: impl Fn(&str) -> Option<String>) {
    let original = std::fs::read_to_string(rig.var("RIG_SSH_CONFIG")).unwrap();
    let config: String = original.lines().filter_map(|line| f(line).map(|line| format!("{line}\n"))).collect();
    std::fs::write(program.path("ssh_config"), config).unwrap();
    let settings = format!("hosts: [{{name: rig, ssh: rig}}]\nssh: {{config_file: {}}}\n{clusters}", program.path("ssh_config"));
    std::fs::write(program.path("config.yaml"), settings).unwrap();
}

#[test]
fn slurm_s_tools_without_a_configuration_are_not_run_here() {
    use std::os::unix::fs::PermissionsExt as _;
    let Some(rig) = Rig::start(&["--no-aws"], &[]) else { return };
    let program = Program::new(&rig);
    let ran = program.path("ran");
    std::fs::create_dir(program.path("bin")).unwrap();
    for name in ["sbatch", "squeue", "scontrol", "sinfo"] {
        let file = program.path(&format!("bin/{name}"));
        std::fs::write(&file, format!("#!/bin/sh\necho {name} \"$@\" >> '{ran}'\nexec /usr/bin/{name} \"$@\"\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let doctor = |more: &[(&str, &str)]| {
        let path = format!("{}:{}", program.path("bin"), std::env::var("PATH").unwrap());
        program.command(&["--json", "doctor", "local"]).env("PATH", path).envs(more.iter().copied()).output().unwrap()
    };
    let out = doctor(&[]);
    is(&out, "scheduler", "unknown", "without a slurm.conf");
    is(&out, "disk space", "ok", "%");
    assert!(!std::path::Path::new(&ran).exists(), "{}", std::fs::read_to_string(&ran).unwrap());
    // With one they are.
    let out = doctor(&[("SLURM_CONF", rig.var("SLURM_CONF"))]);
    is(&out, "slurmctld", "ok", "UP");
    assert!(std::fs::read_to_string(&ran).unwrap().contains("scontrol ping"));
}

#[test]
fn a_question_of_ssh_that_nobody_answers_is_the_reason() {
    let Some(rig) = Rig::start(&["--no-aws", "--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    configured(&rig, &program, "", |line| match line.split_whitespace().next() {
        Some("UserKnownHostsFile") => Some(format!("  UserKnownHostsFile {}", program.path("known_hosts"))),
        Some("StrictHostKeyChecking" | "BatchMode") => None,
        _ => Some(line.to_owned()),
    });
    let out = program.command(&["--json", "doctor", "rig"]).output().unwrap();
    is(&out, "head node", "unknown", "ssh asks, and nobody answered");
    is(&out, "head node", "unknown", "SHA256:");
    is(&out, "host key", "unknown", "not known yet");
}

#[cfg(feature = "aws")]
#[test]
fn the_way_in_and_the_logs_are_really_tried() {
    let Some(rig) = Rig::start(&["--no-slurm"], &[]) else { return };
    let program = Program::new(&rig);
    let aws = |args: &[&str]| {
        let mut aws = std::process::Command::new(format!("{}/bin/aws", rig.var("RIG_PCLUSTER")));
        aws.args(["ec2"]).args(args).env_clear().envs(rig.env()).env("HOME", program.dir.path()).env("PATH", "/usr/bin:/bin");
        let out = aws.output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap().trim().to_owned()
    };
    let query = "Reservations[0].Instances[0].NetworkInterfaces[0].Groups[0].GroupId";
    let group = aws(&["describe-instances", "--instance-ids", rig.var("RIG_HEAD_INSTANCE"), "--query", query, "--output", "text"]);
    let doctor = || program.command(&["--json", "doctor", "demo"]).output().unwrap();
    let allow = |range: &str| {
        aws(&["authorize-security-group-ingress", "--group-id", &group, "--protocol", "tcp", "--port", "22", "--cidr", range])
    };
    // The groups of the network interface count, whether the instance names any or not.
    is(&doctor(), "port 22", "not_ok", "lets an address in");
    allow("198.51.100.0/24");
    is(&doctor(), "port 22", "unknown", "open to 198.51.100.0/24; your address as AWS sees it is not known here");
    allow("0.0.0.0/0");
    let out = doctor();
    is(&out, "port 22", "ok", "every address");
    // That streams can be listed does not mean that they can be read.
    is(&out, "log group", "ok", "last event at 20");
    let denied =
        r#"{"action": "GetLogEvents", "code": "AccessDeniedException", "message": "not authorized to perform: logs:GetLogEvents"}"#;
    rig.ctl(&["aws", "/fault", denied]);
    is(&doctor(), "log group", "not_ok", "not authorized to perform: logs:GetLogEvents");
    rig.ctl(&["aws", "/fault", r#"{"clear": true}"#]);
    // A key file that is not there is why the connection fails, and both lines say so.
    configured(&rig, &program, "clusters: {demo: {key: ~/.ssh/not-there.pem}}\n", |line| {
        (!line.trim_start().starts_with("IdentityFile")).then(|| line.to_owned())
    });
    let out = program.command(&["--json", "doctor", "demo"]).env("HOME", program.dir.path()).output().unwrap();
    is(&out, "key file", "not_ok", "not-there.pem");
    is(&out, "head node", "not_ok", "Permission denied");
    is(&out, "head node", "not_ok", "The key file is why: ");
}
