//! Key pairs: a new one whose private half is kept here, or a public key that AWS is given.
//!
//! Never writes over a file, and never leaves half of one: the private key is there whole or not at all.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use aws_sdk_ec2::primitives::Blob;
use aws_sdk_ec2::types::{KeyFormat, KeyType, ResourceType, Tag, TagSpecification};

use super::client::Clients;
use super::trouble;
use crate::model::key::public_key_fault;
use crate::model::{Failure, FailureKind, KeyPair, Receipt};

/// Makes a key pair and keeps its private half, or imports a public key.
pub(super) async fn make(clients: &Clients, key: &KeyPair) -> Result<Receipt, Failure> {
    let tag = Tag::builder().key("created-by").value("qdeck").build();
    let tags = TagSpecification::builder().resource_type(ResourceType::KeyPair).tags(tag).build();
    if let Some(public) = &key.public {
        let text = std::fs::read(public).map_err(|error| at(public, &error))?;
        if let Some(what) = public_key_fault(&text) {
            return Err(Failure::new(FailureKind::Rejected, public.display().to_string(), what));
        }
        let import = clients.ec2.import_key_pair().key_name(&key.name).public_key_material(Blob::new(text)).tag_specifications(tags);
        import.send().await.map_err(|error| trouble::failure(clients, "ec2:ImportKeyPair", &error))?;
        return Ok(Receipt::Noted);
    }
    // The file comes first: a private key that cannot be kept must not be made.
    let mut draft = Draft::beside(&key.dest)?;
    let make = clients.ec2.create_key_pair().key_name(&key.name).key_type(KeyType::Ed25519).key_format(KeyFormat::Pem);
    let made = make.tag_specifications(tags).send().await;
    let made = made.map_err(|error| trouble::failure(clients, "ec2:CreateKeyPair", &error))?;
    match draft.keep(made.key_material().unwrap_or_default().as_bytes()) {
        Ok(path) => Ok(Receipt::Saved(path)),
        // A key that nobody holds lets nobody in.
        Err(error) => Err(match clients.ec2.delete_key_pair().key_name(&key.name).send().await {
            Ok(_) => at(&key.dest, &error),
            Err(_) => at(&key.dest, &error).hint(format!(
                "AWS has the key pair {0} now, and its private half is lost: aws ec2 delete-key-pair --key-name {0}.",
                key.name
            )),
        }),
    }
}

/// A file that is to be, beside its place. Gone when it is dropped.
struct Draft {
    path: PathBuf,
    dest: PathBuf,
    file: std::fs::File,
    stays: bool,
}

impl Draft {
    fn beside(dest: &Path) -> Result<Self, Failure> {
        if dest.symlink_metadata().is_ok() {
            let failure = Failure::new(FailureKind::Conflict, dest.display().to_string(), "there is a file of this name already");
            return Err(failure.hint("Another name for the key pair keeps its private half in another file."));
        }
        if let Some(folder) = dest.parent() {
            std::fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
        }
        let path = dest.with_extension(format!("{}.new", std::process::id()));
        let file = std::fs::File::options().write(true).create_new(true).mode(0o400).open(&path);
        file.map_err(|error| at(&path, &error)).map(|file| Self { path, dest: dest.to_owned(), file, stays: false })
    }

    /// Writes it all and puts it in its place; where somebody else has put something there meanwhile it stays beside it. Where it is.
    fn keep(&mut self, text: &[u8]) -> std::io::Result<PathBuf> {
        self.file.write_all(text)?;
        self.file.sync_all()?;
        self.stays = std::fs::hard_link(&self.path, &self.dest).is_err();
        Ok(if self.stays { self.path.clone() } else { self.dest.clone() })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.stays {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

fn at(path: &Path, error: &std::io::Error) -> Failure {
    crate::remote::local::trouble::at(path, error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_private_key_is_there_whole_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join(".ssh/lab.pem");
        let names = || std::fs::read_dir(dest.parent().unwrap()).unwrap().count();
        drop(Draft::beside(&dest).unwrap());
        assert_eq!(names(), 0, "given up before there was a key");
        let mut draft = Draft::beside(&dest).unwrap();
        assert_eq!(draft.keep(b"PRIVATE KEY").unwrap(), dest);
        drop(draft);
        assert_eq!((names(), std::fs::read(&dest).unwrap().as_slice()), (1, &b"PRIVATE KEY"[..]));
        assert_eq!(std::fs::metadata(&dest).unwrap().permissions().mode() & 0o777, 0o400);
        assert_eq!(Draft::beside(&dest).err().unwrap().kind, FailureKind::Conflict);
        // Somebody else was faster: theirs stays.
        let other = dir.path().join("other.pem");
        let mut draft = Draft::beside(&other).unwrap();
        std::fs::write(&other, "theirs").unwrap();
        let kept = draft.keep(b"ours").unwrap();
        drop(draft);
        assert_eq!((std::fs::read(&other).unwrap().as_slice(), std::fs::read(kept).unwrap().as_slice()), (&b"theirs"[..], &b"ours"[..]));
    }
}
