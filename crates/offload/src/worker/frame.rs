//! Messages on a stream socket: four octets of length (little-endian), then postcard. Owns the buffers of both directions and
//! their limits; a peer that breaks the form is told apart from one that is slow. Source: `runtime.md` S4-17.

use crate::limits::{LONGEST_MESSAGE, READ_PIECE};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

const HEAD: usize = 4;

/// Why nothing more can be read.
#[derive(Debug)]
pub enum Broken {
    /// The other side has closed.
    Closed,
    /// The system says so.
    Io(io::Error),
    /// What came is no message of this form.
    Garbage,
    /// What this process may open has become another: a fresh one is needed.
    Outdated,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the other side has closed the connection"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Garbage => f.write_str("what came is no message of this version"),
            Self::Outdated => f.write_str("the directory of the database is another one now"),
        }
    }
}

/// Takes messages out of a stream.
#[derive(Debug, Default)]
pub struct Reader {
    /// Room for what comes. It only grows: making it anew for each read costs more than reading.
    bytes: Vec<u8>,
    /// Octets at the front that are used up.
    used: usize,
    /// Octets that came, those included.
    filled: usize,
}

impl Reader {
    /// The next message that is already here.
    ///
    /// # Errors
    /// [`Broken::Garbage`].
    pub fn message<T: DeserializeOwned>(&mut self) -> Result<Option<T>, Broken> {
        let here = self.bytes.get(self.used..self.filled).unwrap_or_default();
        let Some((head, rest)) = here.split_first_chunk::<HEAD>() else { return Ok(None) };
        let length = u32::from_le_bytes(*head) as usize;
        if length > LONGEST_MESSAGE {
            return Err(Broken::Garbage);
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = postcard::from_bytes(body).map_err(|_| Broken::Garbage)?;
        self.used += HEAD + length;
        Ok(Some(message))
    }

    /// Reads once; whether anything came. A stream that has nothing yet (would block, timed out) brings nothing.
    ///
    /// # Errors
    /// [`Broken::Closed`] and [`Broken::Io`].
    pub fn read(&mut self, stream: &mut impl Read) -> Result<bool, Broken> {
        self.bytes.copy_within(self.used..self.filled, 0);
        self.filled -= std::mem::take(&mut self.used);
        let room = self.filled + READ_PIECE;
        if self.bytes.len() < room {
            self.bytes.resize(room, 0);
        }
        match stream.read(self.bytes.get_mut(self.filled..room).unwrap_or_default()) {
            Ok(0) => Err(Broken::Closed),
            Ok(got) => {
                self.filled += got;
                Ok(true)
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted) =>
            {
                Ok(false)
            }
            Err(error) => Err(Broken::Io(error)),
        }
    }
}

/// Puts messages into a stream.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    used: usize,
}

impl Writer {
    /// Adds a message to what waits. One that is longer than a message may be is left out.
    pub fn push<T: Serialize>(&mut self, message: &T) {
        self.bytes.drain(..std::mem::take(&mut self.used));
        let at = self.bytes.len();
        self.bytes.extend([0; HEAD]);
        // Writing to memory does not fail, and every type here knows its length.
        match postcard::to_extend(message, std::mem::take(&mut self.bytes)) {
            Ok(bytes) => self.bytes = bytes,
            Err(_) => return,
        }
        let length = self.bytes.len() - at - HEAD;
        if length > LONGEST_MESSAGE {
            return self.bytes.truncate(at);
        }
        if let Some(head) = self.bytes.get_mut(at..at + HEAD) {
            head.copy_from_slice(&(length as u32).to_le_bytes());
        }
    }

    /// Octets that wait.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.used
    }

    /// Writes what the stream takes now.
    ///
    /// # Errors
    /// [`Broken::Closed`] and [`Broken::Io`].
    pub fn write(&mut self, stream: &mut impl Write) -> Result<(), Broken> {
        while self.waiting() > 0 {
            match stream.write(self.bytes.get(self.used..).unwrap_or_default()) {
                Ok(0) => return Err(Broken::Closed),
                Ok(written) => self.used += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                    return Err(Broken::Closed);
                }
                Err(error) => return Err(Broken::Io(error)),
            }
        }
        self.bytes.clear();
        self.used = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::{FromWorker, RequestNo};
    use proptest::prelude::*;
    use std::io::Cursor;

    #[test]
    fn messages_come_out_as_they_went_in_however_the_stream_cuts_them() {
        let said = [FromWorker::Ready { protocol: 1 }, FromWorker::Safe { seq: 7 }, FromWorker::Finished];
        let mut writer = Writer::default();
        said.iter().for_each(|message| writer.push(&(3u32, message.clone())));
        let mut bytes = Vec::new();
        writer.write(&mut bytes).unwrap();
        assert_eq!(writer.waiting(), 0);
        let (mut reader, mut heard) = (Reader::default(), Vec::new());
        for byte in bytes {
            assert!(reader.read(&mut Cursor::new([byte])).unwrap());
            while let Some((incarnation, message)) = reader.message::<(u32, FromWorker)>().unwrap() {
                assert_eq!(incarnation, 3);
                heard.push(message);
            }
        }
        assert_eq!(heard, said);
    }

    #[test]
    fn a_length_past_the_limit_is_garbage_before_anything_is_kept_for_it() {
        let mut reader = Reader::default();
        reader.read(&mut Cursor::new((LONGEST_MESSAGE as u32 + 1).to_le_bytes())).unwrap();
        assert!(matches!(reader.message::<FromWorker>(), Err(Broken::Garbage)));
    }

    #[test]
    fn an_end_is_told_from_a_pause() {
        assert!(matches!(Reader::default().read(&mut Cursor::new([])), Err(Broken::Closed)));
        struct Nothing;
        impl Read for Nothing {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(ErrorKind::WouldBlock.into())
            }
        }
        assert!(matches!(Reader::default().read(&mut Nothing), Ok(false)));
    }

    #[test]
    fn a_message_that_is_too_long_is_left_out_and_those_around_it_arrive() {
        let mut writer = Writer::default();
        writer.push(&FromWorker::Safe { seq: 1 });
        writer.push(&FromWorker::Answer(RequestNo(1), Err("x".repeat(LONGEST_MESSAGE + 1))));
        writer.push(&FromWorker::Safe { seq: 2 });
        let mut bytes = Vec::new();
        writer.write(&mut bytes).unwrap();
        let mut reader = Reader::default();
        let mut stream = Cursor::new(bytes);
        while matches!(reader.read(&mut stream), Ok(true)) {}
        let heard: Vec<_> = std::iter::from_fn(|| reader.message::<FromWorker>().unwrap()).collect();
        assert_eq!(heard, [FromWorker::Safe { seq: 1 }, FromWorker::Safe { seq: 2 }]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_a_reader_panic_or_keep_more_than_a_message(bytes in proptest::collection::vec(any::<u8>(), 0..4_096)) {
            let mut reader = Reader::default();
            let mut stream = Cursor::new(bytes);
            while matches!(reader.read(&mut stream), Ok(true)) {
                while let Ok(Some(_)) = reader.message::<(u32, FromWorker)>() {}
            }
            prop_assert!(reader.bytes.len() <= LONGEST_MESSAGE + HEAD + READ_PIECE);
        }
    }
}
