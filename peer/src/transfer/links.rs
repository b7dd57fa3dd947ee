//! The streams that transfers use, as much of them as they need to know.

use std::ops::Range;
use std::sync::Arc;

use wire::app::name::Name;
use wire::app::room::RoomId;
use wire::{OpenError, Read, ReadError, StreamId, WriteError};

/// Rooms, as much of them as transfers need to know. Implemented by the app, and by tests.
pub trait Membership {
    /// Whether the user who is logged in here and this one are both in a room.
    fn are_in(&self, room: RoomId, user: &Name) -> bool;

    /// What the room is called, for people.
    fn title(&self, room: RoomId) -> String;

    /// The place of the user who is logged in here among the members of a room but this one, and how
    /// many these are.
    fn place(&self, room: RoomId, without: &Name) -> (u64, u64);
}

/// Streams of class Bulk over the links that are up, by user. Implemented by the app over its
/// endpoint, and by tests over pipes in memory. A user without a link has no streams.
pub trait BulkStreams {
    /// Opens a stream of class Bulk.
    ///
    /// # Errors
    /// As [`wire::Endpoint::open`].
    fn open(&mut self, user: &Name) -> Result<StreamId, OpenError>;

    /// Takes as many of the bytes as there is room for.
    ///
    /// # Errors
    /// As [`wire::Endpoint::write`].
    fn write(&mut self, user: &Name, stream: StreamId, bytes: &[u8]) -> Result<usize, WriteError>;

    /// The same with a part of something that is not copied but shared until it has arrived.
    ///
    /// # Errors
    /// As [`wire::Endpoint::write_shared`].
    fn write_shared(
        &mut self,
        user: &Name,
        stream: StreamId,
        bytes: &Arc<Vec<u8>>,
        range: Range<usize>,
    ) -> Result<usize, WriteError>;

    /// Ends this side's half.
    fn finish(&mut self, user: &Name, stream: StreamId);

    /// Gives up this side's half.
    fn reset(&mut self, user: &Name, stream: StreamId, code: u32);

    /// Asks the other side to give up its half.
    fn stop(&mut self, user: &Name, stream: StreamId, code: u32);

    /// Appends at most `max` bytes to `out`.
    ///
    /// # Errors
    /// As [`wire::Endpoint::read`].
    fn read(
        &mut self,
        user: &Name,
        stream: StreamId,
        max: usize,
        out: &mut Vec<u8>,
    ) -> Result<Read, ReadError>;
}
