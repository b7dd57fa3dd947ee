//! Reading a complete file once more: whether it still is what was offered.

use super::Transfers;
use super::desk::Purpose;
use super::table::Stage;
use crate::output::Output;
use crate::work::{Direction, FileError, FileReply, FileRequest, TransferState, Work};

impl Transfers {
    /// Has the disk read it.
    pub fn verify(&mut self, id: u64) {
        let Some(transfer) = self.table.get(id) else {
            return self.desk.error(format!("There is no transfer {id}: '/files' lists them."));
        };
        let record = &transfer.record;
        if record.is_folder() {
            return self.desk.error(format!(
                "Transfer {id} is a folder: '/files {id}' lists its files, each with its number."
            ));
        }
        let is_hashed =
            !record.growing && !matches!(transfer.stage, Stage::Hashing { .. } | Stage::Recording);
        let is_whole = match record.direction {
            Direction::Sending => is_hashed,
            Direction::Receiving => record.state == TransferState::Complete,
        };
        let Some(path) = record.path.clone().filter(|_| is_whole) else {
            return self.desk.error(if matches!(transfer.stage, Stage::Over) {
                format!("Of transfer {id} nothing is here: it came to nothing.")
            } else {
                format!(
                    "Transfer {id} is not complete: each piece of it is verified as it arrives."
                )
            });
        };
        let text = format!("Reading {} again.", path.display());
        self.desk.outputs.push_back(Output::Info { text });
        let request = FileRequest::Verify { id: record.disk_id(), path, root: record.root };
        self.desk.start(Purpose::Verify(id), Work::File(request));
    }

    pub(super) fn verified(&mut self, number: u64, outcome: Result<FileReply, FileError>) {
        let is_damaged = matches!(outcome, Ok(FileReply::Verified { is_same: false }));
        let is_repaired = is_damaged && self.begin_repair(number);
        // Of those that are over, the oldest are forgotten.
        let Some(transfer) = self.table.get(number) else { return };
        let record = &transfer.record;
        let path = record.path.as_deref().unwrap_or_else(|| record.name.as_ref());
        let path = path.display();
        let (whose, again) = match record.direction {
            Direction::Sending => {
                ("you have".to_owned(), "'/send' offers it as it is now".to_owned())
            }
            Direction::Receiving => {
                let with = &record.with;
                let again = if is_repaired {
                    format!("{with} is asked for what is wrong, and this file stays as it is")
                } else {
                    format!("ask {with} for it again")
                };
                (format!("{with} has"), again)
            }
        };
        match outcome {
            Ok(FileReply::Verified { is_same: true }) => {
                let text = format!("{path} is what {whose} offered, to the last byte.");
                self.desk.outputs.push_back(Output::Info { text });
            }
            Ok(FileReply::Verified { is_same: false }) => self.desk.error(format!(
                "{path} is not what {whose} offered: it was changed since, or the disk failed; {again}."
            )),
            Ok(_) => {}
            Err(error) => self.desk.error(format!("Not verified: {error}")),
        }
    }
}
