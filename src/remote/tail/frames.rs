//! What the following script prints, cut into lines and bytes.
//!
//! Reads nothing itself, and waits for no end: a frame may be a part of one.

use memchr::{memchr, memmem};

use super::LONGEST_LINE;

/// A piece of what the script says.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Frame {
    Line(String),
    Bytes(Vec<u8>),
    /// No more bytes; whether that is because reading failed.
    End {
        failed: bool,
    },
    /// What arrives makes no sense.
    Broken,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expected {
    Greeting,
    Line,
    Bytes,
}

/// Cuts the script's output into frames.
pub(super) struct Frames {
    nonce: String,
    /// What has arrived and is not cut yet.
    pub(super) bytes: Vec<u8>,
    expected: Expected,
}

impl Frames {
    pub(super) fn new(nonce: String) -> Self {
        Self { nonce, bytes: Vec::new(), expected: Expected::Greeting }
    }

    /// All that is complete, and the beginnings of what is not.
    pub(super) fn cut(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while self.step(&mut frames) {}
        frames
    }

    fn step(&mut self, frames: &mut Vec<Frame>) -> bool {
        let nonce = self.nonce.as_bytes();
        match self.expected {
            Expected::Greeting => {
                // Login files may print whatever they like before the script begins.
                let Some(at) = memmem::find(&self.bytes, nonce) else {
                    return false;
                };
                let Some(end) = memchr(b'\n', &self.bytes[at..]) else {
                    return false;
                };
                self.bytes.drain(..=at + end);
                self.expected = Expected::Line;
            }
            Expected::Line => {
                let Some(end) = memchr(b'\n', &self.bytes) else {
                    if self.bytes.len() > LONGEST_LINE {
                        frames.push(Frame::Broken);
                    }
                    return false;
                };
                let line = String::from_utf8_lossy(&self.bytes[..end]).into_owned();
                self.bytes.drain(..=end);
                if line.starts_with(['D', 'R']) {
                    self.expected = Expected::Bytes;
                }
                frames.push(Frame::Line(line));
            }
            Expected::Bytes => {
                if let Some(at) = memmem::find(&self.bytes, nonce) {
                    let Some(end) = memchr(b'\n', &self.bytes[at..]) else {
                        self.hand_on(at, frames);
                        return false;
                    };
                    let rest = self.bytes.split_off(at + end + 1);
                    let failed = !self.bytes[at..].ends_with(b" 0\n");
                    self.bytes.truncate(at);
                    let body = std::mem::replace(&mut self.bytes, rest);
                    if !body.is_empty() {
                        frames.push(Frame::Bytes(body));
                    }
                    frames.push(Frame::End { failed });
                    self.expected = Expected::Line;
                } else {
                    let kept = (1..nonce.len()).rev().find(|&n| self.bytes.ends_with(&nonce[..n])).unwrap_or(0);
                    self.hand_on(self.bytes.len() - kept, frames);
                    return false;
                }
            }
        }
        true
    }

    fn hand_on(&mut self, count: usize, frames: &mut Vec<Frame>) {
        if count > 0 {
            let rest = self.bytes.split_off(count);
            frames.push(Frame::Bytes(std::mem::replace(&mut self.bytes, rest)));
        }
    }
}
