//! Folders, each of which is shown as one transfer.

use super::plain::{quoted, short};
use super::units;
use crate::output::{FileLine, Output};

/// The line that tells of one that is offered.
pub(super) fn offer(offer: &Output) -> Option<String> {
    let Output::FileOffer { id, from, name, size, files: files @ Some(_), .. } = offer else {
        return None;
    };
    let (from, name, content) = (short(from), quoted(name), units::content(*files, *size));
    Some(format!(
        "# folder {id} from {from}: {name} ({content}) offered; /accept {id} or /decline {id}"
    ))
}

/// How many of its files are complete, while it goes on: `5 of 12`.
pub(super) fn count(file: &FileLine) -> Option<String> {
    let (done, files) = (file.files_done?, file.files?);
    let goes_on = matches!(file.state, "running" | "paused" | "waiting");
    goes_on.then(|| format!("{done} of {files}"))
}
