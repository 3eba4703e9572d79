//! Data on its way between S3 and a cluster's file systems. It never passes through this machine.

use std::fmt;

use super::ClusterId;

/// What stands before the name of a bucket.
pub const SCHEME: &str = "s3://";

/// One copy, of a file or of all that lies below.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stage {
    /// The cluster, whose head node copies.
    pub cluster: ClusterId,
    /// From S3 to the cluster; else the other way.
    pub is_in: bool,
    /// `s3://bucket/key`, or `s3://bucket/prefix/`.
    pub object: String,
    /// On the cluster: absolute, or below the home folder.
    pub path: String,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_in {
            true => write!(f, "copy {} to {}", self.object, self.path),
            false => write!(f, "copy {} to {}", self.path, self.object),
        }
    }
}

/// `s3://bucket/key` as bucket and key; `s3://` is the list of buckets, both empty. `None` where it is no such place.
pub fn parts(object: &str) -> Option<(&str, &str)> {
    let rest = object.strip_prefix(SCHEME)?;
    let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
    (!bucket.is_empty() || key.is_empty()).then_some((bucket, key))
}

/// What is wrong with a place in S3 that shall be copied from or to.
pub fn fault(object: &str) -> Option<String> {
    let bucket = parts(object).map(|(bucket, _)| bucket).unwrap_or("");
    let fits =
        bucket.len() >= 3 && bucket.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) && !bucket.starts_with(['-', '.']);
    (!fits || object.chars().any(char::is_control)).then(|| format!("{object} is no place in S3: s3://BUCKET/KEY"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_s3_are_told_from_others() {
        assert_eq!(parts("s3://data/runs/1/"), Some(("data", "runs/1/")));
        assert_eq!((parts("s3://"), parts("s3:///x"), parts("/home")), (Some(("", "")), None, None));
        for wrong in ["s3://", "/tmp/x", "s3://-x/y", "s3://a b/c", "s3://bucket/\n", "s3:/bucket"] {
            assert!(fault(wrong).is_some(), "{wrong}");
        }
        assert_eq!(fault("s3://my.bucket-1/a key/with 'quotes'"), None);
    }
}
