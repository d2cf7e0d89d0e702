//! The worker's end of the channel: asks the parent, one question at a time, from any thread.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use catalog::Service;
use contract::Failure;
use operation::Announcement;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use serde::de::DeserializeOwned;

use super::protocol::{GIVEN_OUTPUTS, MAX_READ, Reply, Request, encode_request};

pub(super) struct Channel {
    socket: Mutex<OwnedFd>,
}

struct Frame<T> {
    message: T,
    body: Vec<u8>,
    files: Vec<File>,
}

impl Channel {
    pub(super) fn new(socket: OwnedFd) -> Self {
        Self { socket: Mutex::new(socket) }
    }

    /// Waits for the first frame.
    pub(super) fn receive_assignment<T: DeserializeOwned>(&self) -> io::Result<(T, Vec<File>)> {
        let frame = receive(&self.socket())?;
        Ok((frame.message, frame.files))
    }

    /// Tells without asking.
    pub(super) fn tell(&self, request: &Request) -> Result<(), Failure> {
        send(&self.socket(), request)
    }

    /// Tells unless another thread is talking.
    pub(super) fn tell_if_free(&self, request: &Request) {
        if let Ok(socket) = self.socket.try_lock() {
            // A parent that is gone is noticed by the next question.
            let _ = send(&socket, request);
        }
    }

    /// Asks for an open file.
    pub(super) fn ask_file(&self, request: &Request) -> Result<File, Failure> {
        let mut frame = self.ask(request)?;
        frame.files.pop().ok_or_else(|| Failure::internal("the parent answered without a file"))
    }

    /// Asks which of the files that came with the work an output is.
    pub(super) fn ask_given(&self, request: &Request) -> Result<usize, Failure> {
        match self.ask(request)?.message {
            Reply::Given(index) => Ok(index),
            other => Err(Failure::internal(format!("the parent answered {other:?} in the place of a file"))),
        }
    }

    /// Asks for bytes.
    pub(super) fn ask_bytes(&self, offset: u64, length: usize) -> Result<Vec<u8>, Failure> {
        let length = length.min(MAX_READ);
        Ok(self.ask(&Request::ReadAt { offset, length })?.body)
    }

    /// Asks for several parts at once, which are within the input and no more than one reply holds.
    pub(super) fn ask_ranges(
        &self,
        ranges: &[Range<u64>],
        announced: Option<Announcement>,
    ) -> Result<Vec<u8>, Failure> {
        Ok(self.ask(&Request::ReadRanges { ranges: with_lengths(ranges), announced })?.body)
    }

    /// Asks a managed service.
    pub(super) fn ask_service(&self, service: Service, question: &str) -> Result<Vec<u8>, Failure> {
        Ok(self.ask(&Request::Ask { service, question: question.to_owned() })?.body)
    }

    /// Tells which parts it will ask for under this name.
    pub(super) fn announce(&self, name: Announcement, ranges: &[Range<u64>]) {
        // A parent that is gone is noticed by the question itself.
        let _ = self.tell(&Request::Announce { name, ranges: with_lengths(ranges) });
    }

    fn ask(&self, request: &Request) -> Result<Frame<Reply>, Failure> {
        let socket = self.socket();
        send(&socket, request)?;
        let frame: Frame<Reply> = receive(&socket).map_err(|error| lost(&error))?;
        match frame.message {
            Reply::Refused(reason) => Err(reason.into()),
            Reply::File | Reply::Given(_) | Reply::Bytes => Ok(frame),
        }
    }

    fn socket(&self) -> MutexGuard<'_, OwnedFd> {
        // A panic between question and answer is caught further up, and only the last word follows it.
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn with_lengths(ranges: &[Range<u64>]) -> Vec<(u64, u64)> {
    ranges.iter().map(|range| (range.start, range.end - range.start)).collect()
}

fn send(socket: &OwnedFd, request: &Request) -> Result<(), Failure> {
    let frame = encode_request(request).map_err(Failure::internal)?;
    let mut rest = &frame[..];
    while !rest.is_empty() {
        let count = retry(|| rustix::io::write(socket, rest)).map_err(|error| lost(&error))?;
        rest = &rest[count..];
    }
    Ok(())
}

/// One frame with the files that may come with its first byte.
fn receive<T: DeserializeOwned>(socket: &OwnedFd) -> io::Result<Frame<T>> {
    let mut lengths = [0; 8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1 + GIVEN_OUTPUTS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = retry(|| {
        let mut target = [IoSliceMut::new(&mut lengths)];
        rustix::net::recvmsg(socket, &mut target, &mut control, RecvFlags::CMSG_CLOEXEC)
    })?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut files = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            files.extend(descriptors.map(File::from));
        }
    }
    read_exact(socket, &mut lengths[received.bytes..])?;
    let [message, body] = [0, 4].map(|at| {
        let length: [u8; 4] = lengths[at..at + 4].try_into().expect("four of eight bytes");
        u32::from_le_bytes(length) as usize
    });
    let mut bytes = vec![0; message];
    read_exact(socket, &mut bytes)?;
    let message = serde_json::from_slice(&bytes)?;
    let mut bytes = vec![0; body];
    read_exact(socket, &mut bytes)?;
    Ok(Frame { message, body: bytes, files })
}

fn read_exact(socket: &OwnedFd, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match retry(|| rustix::io::read(socket, &mut *buffer))? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => buffer = &mut buffer[count..],
        }
    }
    Ok(())
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(rustix::io::Errno::INTR) => {}
            result => return result.map_err(io::Error::from),
        }
    }
}

fn lost(error: &io::Error) -> Failure {
    Failure::internal(format!("the worker lost the connection to its parent: {error}"))
}
