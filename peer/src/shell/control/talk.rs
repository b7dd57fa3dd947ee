//! Lines to and from one program at the control socket, without the socket.

/// Longest line that is read.
const MAX_LINE: usize = 1 << 20;
/// Most that waits for a program which does not read.
const MAX_UNSENT: usize = 8 << 20;

/// What was said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Line(String),
    /// Nothing of the line is used: why.
    Unusable(&'static str),
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Talk {
    begun: Vec<u8>,
    /// The rest of a line that is too long goes by.
    is_skipping: bool,
    unsent: Vec<u8>,
    /// How much of it is sent.
    sent: usize,
}

/// It does not read what it is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Talk {
    /// The lines that are complete with these bytes.
    pub(super) fn receive(&mut self, bytes: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let is_end = part.ends_with(b"\n");
            if !self.is_skipping {
                self.begun.extend_from_slice(part);
            }
            if self.begun.len() > MAX_LINE {
                self.begun = Vec::new();
                self.is_skipping = true;
                said.push(Said::Unusable("a line is too long: nothing of it was used"));
            }
            if is_end && !std::mem::take(&mut self.is_skipping) {
                said.push(self.line());
            }
        }
        said
    }

    /// Nothing comes any more: what is left is a line too.
    pub(super) fn end(&mut self) -> Option<Said> {
        (!self.begun.is_empty()).then(|| self.line())
    }

    fn line(&mut self) -> Said {
        match String::from_utf8(std::mem::take(&mut self.begun)) {
            Ok(line) => Said::Line(line.trim_end_matches(['\r', '\n']).to_owned()),
            Err(_) => Said::Unusable("a line is not UTF-8: nothing of it was used"),
        }
    }

    /// Tells a line.
    ///
    /// # Errors
    /// When too much waits already.
    pub(super) fn tell(&mut self, line: &str) -> Result<(), TooSlow> {
        // The longest one alone fits, however long it is.
        if !self.unsent().is_empty() && self.unsent().len() + line.len() >= MAX_UNSENT {
            return Err(TooSlow);
        }
        self.unsent.extend_from_slice(line.as_bytes());
        self.unsent.push(b'\n');
        Ok(())
    }

    pub(super) fn unsent(&self) -> &[u8] {
        &self.unsent[self.sent..]
    }

    /// So much of [`Self::unsent`] is sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.sent += count;
        // What was sent is moved over at most once for each byte that was told.
        if self.sent * 2 >= self.unsent.len() {
            self.unsent.drain(..self.sent);
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_any_pieces() {
        let mut talk = Talk::default();
        let line = |text: &str| Said::Line(text.to_owned());
        assert_eq!(talk.receive(b"{\"a\":"), []);
        assert_eq!(talk.receive(b"1}\r\n\n{}"), [line("{\"a\":1}"), line("")]);
        assert_eq!(
            talk.receive(b"\xff\n"),
            [Said::Unusable("a line is not UTF-8: nothing of it was used")]
        );
        assert_eq!(talk.receive(b"last"), []);
        assert_eq!(talk.end(), Some(line("last")));
        assert_eq!(talk.end(), None);
    }

    #[test]
    fn a_line_without_an_end_costs_no_more_than_it_may() {
        let mut talk = Talk::default();
        let (mut complaints, piece) = (0, vec![b'x'; 64 << 10]);
        for _ in 0..100 {
            complaints += talk.receive(&piece).len();
            assert!(talk.begun.capacity() <= 2 * (MAX_LINE + piece.len()));
        }
        assert_eq!(complaints, 1);
        assert_eq!(talk.receive(b"x\n/who\n"), [Said::Line("/who".to_owned())]);
    }

    #[test]
    fn who_does_not_read_is_given_up() {
        let mut talk = Talk::default();
        let line = "y".repeat(1 << 20);
        let told = (0..9).take_while(|_| talk.tell(&line) == Ok(())).count();
        assert_eq!(told, 7);
        let (all, mut read) = (talk.unsent().len(), 0);
        while !talk.unsent().is_empty() {
            let count = talk.unsent().len().min(100_000);
            assert!(talk.unsent()[..count].iter().all(|byte| matches!(byte, b'y' | b'\n')));
            talk.sent(count);
            read += count;
        }
        assert_eq!((read, talk.tell(&line)), (all, Ok(())), "and what it read makes room");
        assert_eq!(Talk::default().tell(&"y".repeat(MAX_UNSENT)), Ok(()), "a long answer");
    }
}
