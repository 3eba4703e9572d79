//! `mounts` and `stage`: a cluster's file systems, and copies between them and S3.

use clap::Subcommand;
use serde_json::{Value, json};

use super::{print, run};
use crate::model::duration::bytes;
use crate::model::{Answer, ClusterId, Command, Failure, FailureKind, Mount, Query, Receipt, Stage, stage};
use crate::remote::Remote;

/// `stage …`
#[derive(Subcommand, Clone, Debug)]
pub enum StageVerb {
    /// From S3 to the cluster
    In {
        /// s3://BUCKET/KEY, or a prefix: all that lies below it
        #[arg(value_name = "S3")]
        object: String,
        /// File or folder on the cluster; below the home folder if not absolute
        path: String,
    },
    /// From the cluster to S3
    Out {
        /// File or folder on the cluster; below the home folder if not absolute
        path: String,
        /// s3://BUCKET/KEY, or a prefix for a folder
        #[arg(value_name = "S3")]
        object: String,
    },
}

pub(super) async fn mounts(json: bool, remote: &dyn Remote, cluster: ClusterId) -> Result<(), Failure> {
    let Answer::Mounts(mounts) = remote.ask(Query::Mounts(cluster)).await? else { return Ok(()) };
    if json {
        return print::json(&Value::Array(mounts.iter().map(as_json).collect()));
    }
    let row = |mount: &Mount| {
        let quota = mount.quota.map_or_else(|| "-".into(), |quota| format!("{} of {}", bytes(quota.used), bytes(quota.limit)));
        let shared = if mount.is_shared { "yes" } else { "-" };
        vec![mount.path.clone(), mount.kind.clone(), shared.into(), mount.use_words(), quota, mount.source.clone()]
    };
    print::table(&["PATH", "KIND", "SHARED", "USED", "QUOTA", "SOURCE"], &mounts.iter().map(row).collect::<Vec<_>>())
}

fn as_json(mount: &Mount) -> Value {
    json!({
        "path": mount.path, "kind": mount.kind, "source": mount.source, "size": mount.size, "used": mount.used, "percent": mount.percent(),
        "quota": mount.quota.map(|quota| json!({ "used": quota.used, "limit": quota.limit })),
        "shared": mount.is_shared, "read_only": mount.is_read_only,
    })
}

pub(super) async fn stage(json: bool, remote: &dyn Remote, cluster: ClusterId, verb: &StageVerb) -> Result<(), Failure> {
    let (is_in, object, path) = match verb {
        StageVerb::In { object, path } => (true, object, path),
        StageVerb::Out { path, object } => (false, object, path),
    };
    if let Some(what) = stage::fault(object) {
        let hint = "From S3: qdeck stage in s3://BUCKET/KEY PATH. To S3: qdeck stage out PATH s3://BUCKET/KEY.";
        return Err(Failure::new(FailureKind::Rejected, "S3", what).hint(hint));
    }
    let wanted = Stage { cluster, is_in, object: object.clone(), path: path.clone() };
    let Receipt::Staged { files, bytes: size } = run::run(remote, Command::Stage(wanted)).await? else { return Ok(()) };
    let to = if is_in { path } else { object };
    if json {
        return print::json(&json!({ "to": to, "files": files, "bytes": size }));
    }
    let size = size.map_or_else(String::new, |size| format!(", {}", bytes(size)));
    let files = if files == 1 { "1 file".to_owned() } else { format!("{files} files") };
    print::out(format!("{files}{size}, in {}\n", crate::model::text::clean(to)).as_bytes())
}
