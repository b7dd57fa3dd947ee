//! Frames that belong to no stream and wait to be sent. Every queue here is bounded, because it
//! drains only by sending, and the other side decides when that goes on (E02).

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::sent::SentFrame;
use crate::frame::{Frame, RekeyStep};

/// Answers to path challenges that wait to be sent; beyond, the oldest go.
const MAX_RESPONSES: usize = 4;
/// Handshake messages that wait to be sent or acknowledged: one rekey has two at most.
const MAX_REKEYS: usize = 4;

/// How far a frame is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Waiting,
    Sent,
}

/// A value of which only the latest counts.
#[derive(Debug)]
struct Slot<T> {
    value: Option<(T, Progress)>,
    /// Tells the values that were in the slot apart.
    version: u32,
}

impl<T> Slot<T> {
    const fn empty() -> Self {
        Self { value: None, version: 0 }
    }

    fn set(&mut self, value: T) {
        self.value = Some((value, Progress::Waiting));
        self.version = self.version.wrapping_add(1);
    }

    fn is_waiting(&self) -> bool {
        matches!(self.value, Some((_, Progress::Waiting)))
    }

    fn on_acked(&mut self, version: u32) {
        if version == self.version {
            self.value = None;
        }
    }

    const fn on_lost(&mut self, version: u32) {
        if version == self.version
            && let Some((_, progress)) = &mut self.value
        {
            *progress = Progress::Waiting;
        }
    }
}

#[derive(Debug)]
struct RekeyFrame {
    epoch: u8,
    step: RekeyStep,
    message: Vec<u8>,
    progress: Progress,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct ControlFrames {
    ping: Progress,
    responses: VecDeque<(SocketAddr, [u8; 8])>,
    rekeys: VecDeque<RekeyFrame>,
    new_token: Slot<[u8; 24]>,
    reset_token: Slot<[u8; 16]>,
}

impl ControlFrames {
    pub(crate) const fn new() -> Self {
        Self {
            ping: Progress::Sent,
            responses: VecDeque::new(),
            rekeys: VecDeque::new(),
            new_token: Slot::empty(),
            reset_token: Slot::empty(),
        }
    }

    pub(crate) const fn send_ping(&mut self) {
        self.ping = Progress::Waiting;
    }

    pub(crate) fn send_new_token(&mut self, token: [u8; 24]) {
        self.new_token.set(token);
    }

    pub(crate) fn send_reset_token(&mut self, token: [u8; 16]) {
        self.reset_token.set(token);
    }

    /// Answers a path challenge, over the path that it came by [W-69].
    pub(crate) fn send_path_response(&mut self, to: SocketAddr, data: [u8; 8]) {
        if self.responses.len() == MAX_RESPONSES {
            self.responses.pop_front();
        }
        self.responses.push_back((to, data));
    }

    pub(crate) fn take_path_response(&mut self) -> Option<(SocketAddr, [u8; 8])> {
        self.responses.pop_front()
    }

    pub(crate) fn send_rekey(&mut self, epoch: u8, step: RekeyStep, message: Vec<u8>) {
        if self.rekeys.len() == MAX_REKEYS {
            self.rekeys.pop_front();
        }
        self.rekeys.push_back(RekeyFrame { epoch, step, message, progress: Progress::Waiting });
    }

    /// The keys of this epoch are in use on both sides: what led to them needs no repetition.
    pub(crate) fn forget_rekey(&mut self, epoch: u8) {
        self.rekeys.retain(|rekey| rekey.epoch != epoch);
    }

    /// Whether [`Self::write`] has something to write.
    pub(crate) fn has_pending(&self) -> bool {
        self.ping == Progress::Waiting
            || self.new_token.is_waiting()
            || self.reset_token.is_waiting()
            || self.rekeys.iter().any(|rekey| rekey.progress == Progress::Waiting)
    }

    /// Appends what is waiting and fits into `space` bytes, and says in `sent` what is to be
    /// repeated when it is lost. PING is not: whatever comes next does as well.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, space: usize, sent: &mut Vec<SentFrame>) {
        let end = out.len() + space;
        if self.ping == Progress::Waiting && append(&Frame::Ping, out, end) {
            self.ping = Progress::Sent;
        }
        for RekeyFrame { epoch, step, message, progress } in &mut self.rekeys {
            let frame = Frame::Rekey { epoch: *epoch, step: *step, message };
            if *progress == Progress::Waiting && append(&frame, out, end) {
                *progress = Progress::Sent;
                sent.push(SentFrame::Rekey { epoch: *epoch, step: *step });
            }
        }
        if let Some((token, progress @ Progress::Waiting)) = &mut self.new_token.value
            && append(&Frame::NewToken(*token), out, end)
        {
            *progress = Progress::Sent;
            sent.push(SentFrame::NewToken { version: self.new_token.version });
        }
        if let Some((token, progress @ Progress::Waiting)) = &mut self.reset_token.value
            && append(&Frame::ResetToken(*token), out, end)
        {
            *progress = Progress::Sent;
            sent.push(SentFrame::ResetToken { version: self.reset_token.version });
        }
    }

    pub(crate) fn on_acked_rekey(&mut self, epoch: u8, step: RekeyStep) {
        self.rekeys.retain(|rekey| (rekey.epoch, rekey.step) != (epoch, step));
    }

    pub(crate) fn on_lost_rekey(&mut self, epoch: u8, step: RekeyStep) {
        for rekey in &mut self.rekeys {
            if (rekey.epoch, rekey.step) == (epoch, step) {
                rekey.progress = Progress::Waiting;
            }
        }
    }

    pub(crate) fn on_acked_new_token(&mut self, version: u32) {
        self.new_token.on_acked(version);
    }

    pub(crate) const fn on_lost_new_token(&mut self, version: u32) {
        self.new_token.on_lost(version);
    }

    pub(crate) fn on_acked_reset_token(&mut self, version: u32) {
        self.reset_token.on_acked(version);
    }

    pub(crate) const fn on_lost_reset_token(&mut self, version: u32) {
        self.reset_token.on_lost(version);
    }
}

/// Appends the frame unless it would end beyond `end`; says whether it did.
fn append(frame: &Frame<'_>, out: &mut Vec<u8>, end: usize) -> bool {
    let start = out.len();
    frame.encode(out);
    if out.len() <= end {
        return true;
    }
    out.truncate(start);
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(control: &mut ControlFrames) -> Vec<SentFrame> {
        let (mut out, mut sent) = (Vec::new(), Vec::new());
        control.write(&mut out, 1000, &mut sent);
        sent
    }

    #[test]
    fn what_is_lost_is_sent_again_until_it_is_acknowledged_or_replaced() {
        let mut control = ControlFrames::new();
        control.send_new_token([1; 24]);
        let first = write(&mut control);
        assert_eq!(first, [SentFrame::NewToken { version: 1 }]);
        assert!(!control.has_pending());
        control.on_lost_new_token(1);
        assert_eq!(write(&mut control), first);
        control.send_new_token([2; 24]);
        control.on_acked_new_token(1);
        assert_eq!(write(&mut control), [SentFrame::NewToken { version: 2 }]);
        control.on_acked_new_token(2);
        control.on_lost_new_token(2);
        assert!(!control.has_pending());
    }

    #[test]
    fn nothing_is_written_beyond_the_space_and_nothing_is_forgotten_for_want_of_it() {
        let mut control = ControlFrames::new();
        control.send_ping();
        control.send_rekey(1, RekeyStep::First, vec![7; 96]);
        let (mut out, mut sent) = (Vec::new(), Vec::new());
        control.write(&mut out, 0, &mut sent);
        assert!(out.is_empty() && sent.is_empty());
        control.write(&mut out, 50, &mut sent);
        assert_eq!((out.len(), sent.len()), (1, 0));
        assert_eq!(write(&mut control).len(), 1);
    }

    /// E02
    #[test]
    fn queues_are_capped_and_the_oldest_go() {
        let mut control = ControlFrames::new();
        for n in 0..100 {
            control.send_path_response(SocketAddr::from(([1, 1, 1, 1], 1)), [n; 8]);
            control.send_rekey(n, RekeyStep::Wanted, Vec::new());
        }
        assert_eq!(control.responses.len(), MAX_RESPONSES);
        assert_eq!(control.take_path_response().unwrap().1, [96; 8]);
        assert_eq!(write(&mut control).len(), MAX_REKEYS);
        control.forget_rekey(99);
        assert_eq!(control.rekeys.len(), MAX_REKEYS - 1);
    }
}
