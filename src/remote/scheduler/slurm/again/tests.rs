//! What is submitted again is what was submitted, read from recorded answers of scontrol.

use proptest::prelude::*;

use super::*;

const LONG: &str = include_str!("../../../../../tests/fixtures/slurm-22.05/job-long-o.txt");
const ARRAY: &str = include_str!("../../../../../tests/fixtures/slurm-22.05/job-array-o.txt");

fn told(head: &str, script: &str, paths: &str, tasks: &str, job: &str) -> Told {
    let stdout = [head, script, paths, tasks].join(SPLIT).into();
    (ask(&JobId::new(job)).read)(&Said { status: 0, stdout, stderr: String::new() }).unwrap()
}

#[test]
fn the_script_and_what_was_asked_for_come_back() {
    let said = told(LONG, "#!/bin/sh\nsleep 1\n", "/home/ec2-user/long-%j.out\x1f/home/ec2-user/long-%j.out\x1e", "N/A R\n", "1");
    let (job, notes) = said.submission.unwrap();
    assert_eq!((job.text.as_deref(), job.dir.as_deref()), (Some("#!/bin/sh\nsleep 1\n"), Some("/home/ec2-user")));
    assert_eq!(job.options, ["--job-name=long", "--partition=compute", "--time=365-00:00:00", "--output=/home/ec2-user/long-%j.out"]);
    assert_eq!((said.tasks.states.len(), notes.len()), (0, 1));
    let denied = told(LONG, "job script retrieval failed: Access/permission denied\n", "", "", "1");
    assert_eq!(denied.submission.unwrap_err().kind, FailureKind::NotFound);
}

#[test]
fn what_the_script_says_itself_is_not_said_again() {
    let script = "#!/bin/sh\n#SBATCH -J long -p gpu,compute --time 365-0\n#SBATCH --output=long-%j.out # mine\nsleep 1\n";
    let job = told(LONG, script, "/home/ec2-user/long-%j.out\x1f/home/ec2-user/long-%j.out\x1e", "", "1").submission.unwrap().0;
    assert_eq!(job.options, Vec::<String>::new());
    let other = script.replace("-J long", "-J other -N 4 -c2 --mem=1G -n 9");
    let job = told(LONG, &other, "", "", "1").submission.unwrap().0;
    assert_eq!(job.options, ["--job-name=long", "--nodes=1", "--ntasks=1", "--cpus-per-task=1"]);
}

#[test]
fn every_resource_has_its_option() {
    let head = LONG
        .replace("ReqNodeList=(null) ExcNodeList=(null)", "ReqNodeList=a-1 ExcNodeList=b-[1-2]")
        .replace("NumNodes=1 NumCPUs=1 NumTasks=1 CPUs/Task=1", "NumNodes=2 NumCPUs=12 NumTasks=4 CPUs/Task=3")
        .replace("NtasksPerN:B:S:C=0:0:*:*", "NtasksPerN:B:S:C=2:0:*:*")
        .replace("MinMemoryNode=0", "MinMemoryCPU=200M")
        .replace("Nice=0", "Nice=5")
        .replace("Requeue=1", "Requeue=0")
        .replace("Features=(null)", "Features=static")
        .replace("OverSubscribe=OK", "OverSubscribe=NO")
        .replace("Command=(null)", "Command=/home/u/g.sh x  y")
        .replace("Dependency=(null)", "Dependency=afterok:7(unfulfilled)")
        .replace("StdErr=", "Comment=hello there qdeck:0123abc StdErr=")
        .replace("Power= ", "Power= TresPerNode=gres:gpu:2 TresPerTask=cpu=3,gres/gpu:a100:1 MailUser=me MailType=END ");
    let (job, notes) = told(&head, "#!/bin/sh\n", "", "", "1").submission.unwrap();
    for option in [
        "--nodelist=a-1",
        "--exclude=b-[1-2]",
        "--nodes=2",
        "--ntasks-per-node=2",
        "--cpus-per-task=3",
        "--mem-per-cpu=200M",
        "--nice=5",
        "--no-requeue",
        "--constraint=static",
        "--exclusive",
        "--gres=gpu:2",
        "--gpus-per-task=a100:1",
        "--mail-type=END",
        "--mail-user=me",
        "--comment=hello there",
    ] {
        assert!(job.options.contains(&option.to_owned()), "{option}: {:?}", job.options);
    }
    assert!(!job.options.iter().any(|o| o.starts_with("--ntasks=") || o.contains("qdeck:")), "{:?}", job.options);
    assert_eq!((job.path.as_str(), job.args.as_slice()), ("/home/u/g.sh", &["x".to_owned(), "y".to_owned()][..]));
    assert!(notes.iter().any(|n| n.contains("afterok:7")) && notes.iter().any(|n| n.contains("blank")), "{notes:?}");
    let script = "#!/bin/sh\n#SBATCH --gpus-per-node=2 --mem-per-cpu=0.1953125G --exclusive --no-requeue\n";
    let job = told(&head, script, "", "", "1").submission.unwrap().0;
    assert!(
        !job.options.iter().any(|o| o.starts_with("--gres") || o.starts_with("--mem") || o.starts_with("--exclusive")),
        "{:?}",
        job.options
    );
}

#[test]
fn of_an_array_each_task_s_state_is_known() {
    let tasks = "1 F\n2 R\n3 PD\n2_1 COMPLETED\n2_0 FAILED\n2_[4-5%2] PENDING\n";
    let told = told(ARRAY, "#!/bin/sh\n", "/home/ec2-user/log-2_1.out\x1f/home/ec2-user/log-2_1.out\x1e", tasks, "2_1");
    let (failed, all) = (told.tasks.failed(), told.tasks.states.len());
    assert_eq!((failed, all, told.tasks.limit), (vec![0, 1], 6, Some(2)));
    assert!(told.submission.unwrap().0.options.contains(&"--output=/home/ec2-user/log-%A_%a.out".to_owned()));
}

#[test]
fn an_old_number_in_a_path_is_not_written_over() {
    assert_eq!(replaced("/o/run-19/out19.19.txt", "19", "%j"), "/o/run-%j/out%j.%j.txt");
    assert_eq!(replaced("/o/2019-190", "19", "%j"), "/o/2019-190");
}

proptest! {
    #[test]
    fn any_answer_is_survived(text in "(JobId=1 |JobName=a |UserId=b |#!/bin/sh\n|#SBATCH |-[a-zA-Z]|--[a-z]{1,4}=|\x1equeue-again\x1e|\x1f|[ -~]{0,6}|.)*") {
        let _ = read(&Said { status: 0, stdout: text.clone().into(), stderr: String::new() }, &JobId::new("1_2"));
        directives(&text);
        states(&text);
    }
}
