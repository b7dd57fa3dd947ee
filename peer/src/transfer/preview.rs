//! What is told of an offer before it is taken: how long it will take, and whether there is room for it.
//! And what is told when a film that has come is not what was said of it.

use wire::app::media::{AudioCodec, Container, Media, VideoCodec};
use wire::app::name::Name;

use super::desk::Purpose;
use super::receiving::{is_offer_to_us, offer_line};
use super::{Context, Transfers};
use crate::face::films::card;
use crate::face::units;
use crate::output::MediaLine;
use crate::work::{FileError, FileReply, FileRequest, Work};

impl Transfers {
    /// How fast files came from this user, in bytes a second, when one did for long enough; no faster
    /// than is wished now. Those of rooms do not count, as they come from several.
    pub(super) fn pace_of(&self, user: &Name) -> u64 {
        let measured = self.table.iter().filter(|it| it.record.with == *user && it.record.rate > 0);
        let newest = measured.last();
        let pace = newest.map_or(0, |transfer| transfer.record.rate);
        pace.min(self.policy.limit_down.unwrap_or(u64::MAX))
    }

    /// Tells of an offer, with what is known of the way by which it would come, and asks the disk for
    /// room.
    pub(super) fn show_offer(&mut self, cx: &Context<'_>, number: u64) {
        let Some(transfer) = self.table.get(number) else { return };
        let pace = self.pace_of(&transfer.record.with);
        let is_growing = transfer.record.growing;
        let Some(transfer) = self.table.get_mut(number) else { return };
        transfer.pace = pace;
        self.desk.outputs.push_back(offer_line(transfer, cx.now));
        if !is_growing {
            self.ask_for_room();
        }
    }

    /// Asks the disk whether there is room for what is offered: once for all offers that come before it
    /// answers.
    pub(super) fn ask_for_room(&mut self) {
        if !std::mem::replace(&mut self.asks_for_room, true) {
            self.desk.start(Purpose::Room, Work::File(FileRequest::Room));
        }
    }

    /// So much room there is. It is told where that is not enough for an offer; whether it will be is
    /// found out when the file is made.
    pub(super) fn room_found(&mut self, cx: &Context<'_>, outcome: Result<FileReply, FileError>) {
        self.asks_for_room = false;
        // A file system that does not say it is asked again when the file is made.
        let Ok(FileReply::Room { bytes }) = outcome else { return };
        for offer in self.table.iter_mut().filter(|it| is_offer_to_us(it) && it.reason.is_none()) {
            let size = offer.record.size;
            if size > bytes {
                offer.reason = Some(format!(
                    "there is room for {}, and it needs {}",
                    units::bytes(bytes),
                    units::bytes(size)
                ));
                self.desk.show(offer, cx.now);
            }
        }
    }
}

/// What a film of this size is, when that is not what was said of it [W-152]. What one of the
/// two programs does not know contradicts nothing.
pub(super) fn contradiction(
    said: Option<Media>,
    found: Option<Media>,
    size: u64,
) -> Option<String> {
    let said = said?;
    let Some(found) = found else {
        return Some("it is not what was said: its headers cannot be read".to_owned());
    };
    let same_video = match (said.video, found.video) {
        (Some(VideoCodec::Other), Some(_)) | (Some(_), Some(VideoCodec::Other)) => true,
        (said, found) => said == found,
    };
    let same_audio = match (said.audio, found.audio) {
        (Some(AudioCodec::Other), Some(_)) | (Some(_), Some(AudioCodec::Other)) => true,
        (said, found) => said == found,
    };
    let is_known = |media: Media| media.container != Container::Other;
    let same_container = said.container == found.container || !is_known(said) || !is_known(found);
    let exact = |media: Media| (media.duration, media.width, media.height, media.index);
    if same_container && same_video && same_audio && exact(said) == exact(found) {
        return None;
    }
    let found = MediaLine::new(found, size, false);
    let (container, card) = (found.container, card(&found));
    Some(format!("it is not what was said: it is {container}, {card}"))
}
