//! What posts are to other posts of their room: answers, edits and takings back.
//!
//! A change is kept as a post that the history does not show (`hidden`), and its effect in the row of what it
//! changes: `text` is the newest one, `taken_back` that nothing is left of it. Of a post and its edits only the
//! newest text stays, in the row of that edit, from where it is handed on, and in that of the post, where it
//! is shown. What is shown follows from what is here, in whatever order it came [W-172]: a post whose text is
//! gone, and the newest edit of which is not here yet, is no line before that comes.

use rusqlite::{Connection, OptionalExtension, Row, params};
use wire::PublicKey;
use wire::app::identity::IdentityKey;
use wire::app::post::{Body, Content, Feed, Head, MAX_EDITS, Post, PostKind, PostRef, Said};

use super::{head, kept, key};
use crate::output::NOT_HERE;
use crate::store::changes::{edited, index, set_text, unindex};
use crate::store::messages::FAILED;
use crate::store::{Answer, failed};
use crate::work::{About, PostReceipt, PostTarget, StoreError, StoreReply, StoreRequest};

const PLAIN: i64 = 0;
const REPLY: i64 = 1;
const EDIT: i64 = 2;
const UNSEND: i64 = 3;

/// The change that counts, of those that are here: a taking back (its salt stays), or else the last edit that
/// has a text.
pub(super) const NEWEST: &str = "
    SELECT kind, sequence, body FROM messages INDEXED BY post_texts
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4 AND about_sequence = ?5
        AND author IS NOT NULL AND kind >= 2 AND nonce <> x''
    ORDER BY kind DESC, sequence DESC LIMIT 1";
/// The same for whom it is a proof.
pub(super) const PROOF: &str = "
    SELECT peer, author, identity, device, sequence, previous, epoch, sent, kind,
        about_identity, about_device, about_sequence, about_nonce, digest, signature
    FROM messages
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4 AND about_sequence = ?5
        AND author IS NOT NULL AND kind >= 2 AND (kind = 3 OR sequence > ?6)
    ORDER BY kind DESC, sequence DESC LIMIT 1";
/// The texts of edits before this one are gone.
pub(super) const FORGET_EDITS: &str = "
    UPDATE messages INDEXED BY post_texts SET body = '', nonce = x''
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4 AND about_sequence = ?5
        AND author IS NOT NULL AND kind >= 2 AND nonce <> x'' AND kind = 2 AND sequence < ?6";
pub(super) const EDITS: &str = "
    SELECT count(*) FROM messages
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4 AND about_sequence = ?5
        AND author IS NOT NULL AND kind >= 2 AND kind = 2";
/// Answers to a post that was not here.
pub(super) const ANSWERS: &str = "
    UPDATE messages SET about_line = ?4
    WHERE profile = ?1 AND peer = ?2 AND about_sequence = ?3 AND about_nonce = ?5
        AND about_device = ?6 AND about_identity = ?7
        AND author IS NOT NULL AND kind = 1 AND about_line = 0";
const ROW: &str = "
    SELECT id, sequence, kind, about_sequence, hidden, taken_back, about_line, state
    FROM messages
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4 AND sequence = ?5
        AND author IS NOT NULL";
const LAST_OWN: &str = "
    SELECT id, sequence, kind, about_sequence, hidden, taken_back, about_line, state
    FROM messages
    WHERE profile = ?1 AND peer = ?2 AND identity = ?3 AND device = ?4 AND author IS NOT NULL
        AND kind < 2 AND hidden = 0 AND state <> 2
    ORDER BY sequence DESC LIMIT 1";
const ANSWERABLE: &str = "
    SELECT id FROM shown
    WHERE profile = ?1 AND peer = ?2 AND taken_back = 0";
const BY_LINE: &str = "
    SELECT peer, author, identity, device, sequence, previous, epoch, sent, kind,
        about_identity, about_device, about_sequence, about_nonce, digest, signature
    FROM messages WHERE id = ?1 AND identity IS NOT NULL";

/// A post on its way in.
pub(super) struct Arrival<'a> {
    pub(super) profile: i64,
    pub(super) post: &'a Post,
    pub(super) state: i64,
    pub(super) at: u64,
}

/// A post as it stands in the history.
struct PostRow {
    line: i64,
    number: u64,
    kind: i64,
    about: Option<u64>,
    hidden: bool,
    taken_back: bool,
    about_line: Option<u64>,
    state: i64,
}

/// The newest change of a post.
enum Newest {
    Edit { number: u64, text: String },
    TakenBack,
}

impl Arrival<'_> {
    const fn content(&self) -> &Content {
        self.post.content()
    }

    fn place(&self) -> (i64, String, Feed) {
        (self.profile, key(self.content().room), self.content().feed)
    }

    /// What it says, unless that is gone.
    const fn said(&self) -> Option<&Said> {
        match &self.post.body {
            Body::Text(said) => Some(said),
            Body::Gone(_) => None,
        }
    }

    /// Keeps it, and does what it means for what is here, and that for it. Gives its line.
    pub(super) fn keep(&self, connection: &Connection) -> rusqlite::Result<(i64, PostReceipt)> {
        match self.content().kind {
            PostKind::Plain | PostKind::Reply { .. } => self.keep_line(connection),
            PostKind::Edit { of } => self.keep_edit(connection, of),
            PostKind::Unsend { of } => {
                let line = self.insert(connection, None, true, self.said())?;
                Ok((line, self.take_back(connection, of)?))
            }
        }
    }

    fn keep_line(&self, connection: &Connection) -> rusqlite::Result<(i64, PostReceipt)> {
        let reply_to = self.answered(connection)?;
        let (line, receipt) = match newest(connection, &self.place(), self.content().number)? {
            Some(Newest::TakenBack) => {
                let line = self.insert(connection, reply_to, true, None)?;
                mark_taken_back(connection, line)?;
                return Ok((line, PostReceipt::Silent));
            }
            Some(Newest::Edit { number: by, text }) => {
                let line = self.insert(connection, reply_to, false, None)?;
                set_text(connection, line, &text, by)?;
                (line, shown(line, text, reply_to, true))
            }
            None => {
                let said = self.said();
                let line = self.insert(connection, reply_to, said.is_none(), said)?;
                let Some(said) = said else { return Ok((line, PostReceipt::Silent)) };
                (line, shown(line, said.text.clone(), reply_to, false))
            }
        };
        self.lead_answers(connection, line, self.content())?;
        Ok((line, receipt))
    }

    fn keep_edit(&self, connection: &Connection, of: u64) -> rusqlite::Result<(i64, PostReceipt)> {
        let (place, number) = (self.place(), self.content().number);
        let is_newest = match newest(connection, &place, of)? {
            Some(Newest::TakenBack) => false,
            Some(Newest::Edit { number: last, .. }) => last < number,
            None => true,
        };
        let said = self.said().filter(|_| is_newest);
        let line = self.insert(connection, None, true, said)?;
        let Some(said) = said else { return Ok((line, PostReceipt::Silent)) };
        forget_edits(connection, &place, of, number)?;
        // Of what is not here it is kept for when that comes [W-174].
        let original = self.original(connection, of)?.filter(|original| !original.taken_back);
        let Some(original) = original else { return Ok((line, PostReceipt::Silent)) };
        if original.hidden {
            let show = "UPDATE messages SET hidden = 0 WHERE id = ?1";
            connection.prepare_cached(show)?.execute([original.line])?;
            index(connection, original.line, "")?;
        }
        set_text(connection, original.line, &said.text, number)?;
        forget(connection, original.line)?;
        let text = said.text.clone();
        if !original.hidden {
            let changed = original.line.cast_unsigned();
            return Ok((line, PostReceipt::Changed { line: changed, text: Some(text) }));
        }
        let (profile, _, feed) = place;
        if let Some(head) = kept(connection, profile, self.content().room, feed, of)? {
            self.lead_answers(connection, original.line, &head.content)?;
        }
        Ok((line, shown(original.line, text, original.about_line, true)))
    }

    /// A taking back was inserted: nothing is left of what it is about, nor of the edits of that.
    fn take_back(&self, connection: &Connection, of: u64) -> rusqlite::Result<PostReceipt> {
        forget_edits(connection, &self.place(), of, u64::MAX)?;
        let original = self.original(connection, of)?.filter(|original| !original.taken_back);
        let Some(original) = original else { return Ok(PostReceipt::Silent) };
        if !original.hidden {
            unindex(connection, original.line)?;
        }
        forget(connection, original.line)?;
        mark_taken_back(connection, original.line)?;
        let line = original.line.cast_unsigned();
        Ok(if original.hidden {
            PostReceipt::Silent
        } else {
            PostReceipt::Changed { line, text: None }
        })
    }

    /// What was taken back never left this machine: there is no such line, and what becomes of this post,
    /// which takes it back, is not told.
    pub(super) fn hide(&self, connection: &Connection, of: u64, by: i64) -> rusqlite::Result<()> {
        let Some(original) = self.original(connection, of)? else { return Ok(()) };
        connection
            .prepare_cached("UPDATE messages SET hidden = 1 WHERE id = ?1")?
            .execute([original.line])?;
        connection.prepare_cached("UPDATE messages SET state = 1 WHERE id = ?1")?.execute([by])?;
        Ok(())
    }

    /// The line that a change is about, if it is one that can be changed.
    fn original(&self, connection: &Connection, of: u64) -> rusqlite::Result<Option<PostRow>> {
        let row = row_of(connection, &self.place(), of)?;
        Ok(row.filter(|row| matches!(row.kind, PLAIN | REPLY)))
    }

    /// The line that this answers.
    fn answered(&self, connection: &Connection) -> rusqlite::Result<Option<u64>> {
        let PostKind::Reply { to } = self.content().kind else { return Ok(None) };
        let (profile, key, _) = self.place();
        let head = kept(connection, profile, self.content().room, to.feed, to.number)?;
        if head.is_none_or(|head| head.content.hash() != to.hash) {
            return Ok(Some(NOT_HERE));
        }
        let row = row_of(connection, &(profile, key, to.feed), to.number)?;
        let row = row.filter(|row| !row.hidden);
        Ok(Some(row.map_or(NOT_HERE, |row| row.line.cast_unsigned())))
    }

    /// A post is a line now: answers to it, which came before, lead there [W-171].
    fn lead_answers(
        &self,
        connection: &Connection,
        line: i64,
        to: &Content,
    ) -> rusqlite::Result<()> {
        let (profile, key, feed) = self.place();
        let number = to.number.cast_signed();
        connection.prepare_cached(ANSWERS)?.execute(params![
            profile,
            key,
            number,
            line,
            to.hash(),
            feed.device.0,
            feed.author.0
        ])?;
        Ok(())
    }

    fn insert(
        &self,
        connection: &Connection,
        about_line: Option<u64>,
        hidden: bool,
        said: Option<&Said>,
    ) -> rusqlite::Result<i64> {
        let content = self.content();
        let (kind, about, number) = columns(&content.kind);
        let (salt, text): (&[u8], &str) =
            said.map_or((&[], ""), |said| (&said.salt, said.text.as_str()));
        connection
            .prepare_cached(
                "INSERT INTO messages
                 (profile, peer, state, identity, device, sequence, nonce, sent, at, body, author, epoch,
                  previous, signature, digest, kind, about_sequence, about_identity, about_device,
                  about_nonce, about_line, hidden)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,
                     ?18, ?19, ?20, ?21, ?22)",
            )?
            .execute(params![
                self.profile,
                key(content.room),
                self.state,
                content.feed.author.0,
                content.feed.device.0,
                content.number.cast_signed(),
                salt,
                content.sent.cast_signed(),
                self.at.cast_signed(),
                text,
                content.author.as_str(),
                content.version.cast_signed(),
                content.previous,
                self.post.head.signature(),
                content.text,
                kind,
                number.map(u64::cast_signed),
                about.map(|about| about.feed.author.0),
                about.map(|about| about.feed.device.0),
                about.map(|about| about.hash),
                about_line.map(u64::cast_signed),
                hidden,
            ])?;
        Ok(connection.last_insert_rowid())
    }
}

const fn shown(line: i64, text: String, reply_to: Option<u64>, edited: bool) -> PostReceipt {
    PostReceipt::Shown { line: line.cast_unsigned(), text, reply_to, edited }
}

/// What a post is to others, as it is kept: the kind, what an answer names, and the number of what it is about.
fn columns(kind: &PostKind) -> (i64, Option<PostRef>, Option<u64>) {
    match *kind {
        PostKind::Plain => (PLAIN, None, None),
        PostKind::Reply { to } => (REPLY, Some(to), Some(to.number)),
        PostKind::Edit { of } => (EDIT, None, Some(of)),
        PostKind::Unsend { of } => (UNSEND, None, Some(of)),
    }
}

/// The same, read back: five columns from `first` on.
pub(super) fn kind(row: &Row<'_>, first: usize) -> rusqlite::Result<PostKind> {
    let number = || row.get::<_, i64>(first + 3).map(i64::cast_unsigned);
    Ok(match row.get::<_, i64>(first)? {
        REPLY => {
            let author = IdentityKey(row.get(first + 1)?);
            let feed = Feed { author, device: PublicKey(row.get(first + 2)?) };
            PostKind::Reply { to: PostRef { feed, number: number()?, hash: row.get(first + 4)? } }
        }
        EDIT => PostKind::Edit { of: number()? },
        UNSEND => PostKind::Unsend { of: number()? },
        _ => PostKind::Plain,
    })
}

/// What proves that the text of this post is to be gone.
pub(super) fn proof(
    connection: &Connection,
    profile: i64,
    content: &Content,
) -> rusqlite::Result<Option<Head>> {
    let Some(of) = content.says_for() else { return Ok(None) };
    let Feed { author, device } = content.feed;
    let (of, number) = (of.cast_signed(), content.number.cast_signed());
    connection
        .prepare_cached(PROOF)?
        .query_row(params![profile, key(content.room), author.0, device.0, of, number], head)
        .optional()
}

type Place = (i64, String, Feed);

fn newest(connection: &Connection, place: &Place, of: u64) -> rusqlite::Result<Option<Newest>> {
    let (profile, key, Feed { author, device }) = place;
    let read = |row: &Row<'_>| {
        if row.get::<_, i64>(0)? == UNSEND {
            return Ok(Newest::TakenBack);
        }
        let number = row.get::<_, i64>(1)?.cast_unsigned();
        Ok(Newest::Edit { number, text: row.get(2)? })
    };
    connection
        .prepare_cached(NEWEST)?
        .query_row(params![profile, key, author.0, device.0, of.cast_signed()], read)
        .optional()
}

fn row_of(
    connection: &Connection,
    place: &Place,
    number: u64,
) -> rusqlite::Result<Option<PostRow>> {
    let (profile, key, Feed { author, device }) = place;
    // Numbers beyond SQLite's are nobody's.
    let number = i64::try_from(number).unwrap_or(0);
    connection
        .prepare_cached(ROW)?
        .query_row(params![profile, key, author.0, device.0, number], post_row)
        .optional()
}

fn post_row(row: &Row<'_>) -> rusqlite::Result<PostRow> {
    let number = |column| row.get::<_, Option<i64>>(column).map(|it| it.map(i64::cast_unsigned));
    Ok(PostRow {
        line: row.get(0)?,
        number: number(1)?.unwrap_or(0),
        kind: row.get(2)?,
        about: number(3)?,
        hidden: row.get(4)?,
        taken_back: row.get(5)?,
        about_line: number(6)?,
        state: row.get(7)?,
    })
}

/// The text that a post was signed with, and its salt, are gone.
fn forget(connection: &Connection, line: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE messages SET body = '', nonce = x'' WHERE id = ?1")?
        .execute([line])?;
    Ok(())
}

fn forget_edits(
    connection: &Connection,
    place: &Place,
    of: u64,
    before: u64,
) -> rusqlite::Result<()> {
    let (profile, key, Feed { author, device }) = place;
    let before = i64::try_from(before).unwrap_or(i64::MAX);
    connection.prepare_cached(FORGET_EDITS)?.execute(params![
        profile,
        key,
        author.0,
        device.0,
        of.cast_signed(),
        before
    ])?;
    Ok(())
}

fn mark_taken_back(connection: &Connection, line: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE messages SET text = NULL, taken_back = 1 WHERE id = ?1")?
        .execute([line])?;
    Ok(())
}

/// What a line that was typed for a room is about.
pub(crate) fn target(connection: &Connection, profile: i64, request: StoreRequest) -> Answer {
    let StoreRequest::PostTarget { room, title, feed, about, text } = request else {
        return Err(StoreError("that is about no post".to_owned()));
    };
    let asked = Asked { place: (profile, key(room), feed), title };
    let target = match about {
        About::Nothing => PostTarget { kind: PostKind::Plain, line: NOT_HERE, text },
        About::Reply { line } => {
            let (line, to) = asked.answerable(connection, line)?;
            PostTarget { kind: PostKind::Reply { to }, line, text }
        }
        About::Edit { id } => {
            let row = asked.own(connection, id)?;
            asked.may_edit(connection, &row)?;
            let text = edited(connection, row.line, &text)?;
            let kind = PostKind::Edit { of: row.number };
            PostTarget { kind, line: row.line.cast_unsigned(), text }
        }
        About::Unsend { id, .. } => {
            let row = asked.own(connection, id)?;
            let kind = PostKind::Unsend { of: row.number };
            PostTarget { kind, line: row.line.cast_unsigned(), text: String::new() }
        }
    };
    Ok(StoreReply::PostTarget(target))
}

/// What somebody wants to change or to answer.
struct Asked {
    place: Place,
    title: String,
}

impl Asked {
    /// The post of ours with this number, or the last one. An edit stands for what it edits.
    fn own(&self, connection: &Connection, id: Option<u64>) -> Result<PostRow, StoreError> {
        let title = &self.title;
        let Some(id) = id else {
            let (profile, key, Feed { author, device }) = &self.place;
            let last = connection
                .prepare_cached(LAST_OWN)
                .and_then(|mut select| {
                    select.query_row(params![profile, key, author.0, device.0], post_row).optional()
                })
                .map_err(failed)?;
            // Not an older one in its place: nobody has named that.
            if last.as_ref().is_some_and(|row| row.taken_back) {
                return Err(StoreError(format!(
                    "your last message in {title} is taken back: name an earlier one by its number."
                )));
            }
            return last.ok_or_else(|| {
                StoreError(format!("you have said nothing in {title} that can be changed."))
            });
        };
        let by_number = |id| row_of(connection, &self.place, id).map_err(failed);
        let mut row = by_number(id)?;
        if let Some(edited) = row.as_ref().filter(|row| row.kind == EDIT).and_then(|row| row.about)
        {
            row = by_number(edited)?;
        }
        match row {
            None => Err(StoreError(format!(
                "you have said no message {id} in {title}: '/history {title}' shows their numbers."
            ))),
            Some(row) if row.taken_back || row.kind == UNSEND => {
                Err(StoreError(format!("message {id} to {title} is taken back.")))
            }
            Some(row) if row.state == FAILED => Err(StoreError(format!(
                "message {id} to {title} was not delivered and will not be."
            ))),
            Some(row) => Ok(row),
        }
    }

    /// There is an end to how often something is changed [W-176].
    fn may_edit(&self, connection: &Connection, row: &PostRow) -> Result<(), StoreError> {
        let (profile, key, Feed { author, device }) = &self.place;
        let edits: u32 = connection
            .prepare_cached(EDITS)
            .and_then(|mut select| {
                let number = row.number.cast_signed();
                let params = params![profile, key, author.0, device.0, number];
                select.query_row(params, |row| row.get(0))
            })
            .map_err(failed)?;
        if edits < MAX_EDITS {
            return Ok(());
        }
        Err(StoreError(format!(
            "message {} to {} was edited {MAX_EDITS} times, and no more is possible: '/unsend' takes it \
             back.",
            row.number, self.title
        )))
    }

    /// What is to be answered: in this line, or what somebody else said last.
    fn answerable(
        &self,
        connection: &Connection,
        line: Option<u64>,
    ) -> Result<(u64, PostRef), StoreError> {
        let (profile, key, _) = &self.place;
        let which = match line {
            Some(_) => "AND id = ?3",
            None => "AND id <= ?3 AND state = 3 ORDER BY id DESC LIMIT 1",
        };
        let line_or_end = line.map_or(i64::MAX, |line| i64::try_from(line).unwrap_or(0));
        let found: rusqlite::Result<Option<(i64, Head)>> = connection
            .prepare_cached(&format!("{ANSWERABLE} {which}"))
            .and_then(|mut select| {
                let params = params![profile, key, line_or_end];
                select.query_row(params, |row| row.get(0)).optional()
            })
            .and_then(|line: Option<i64>| {
                let Some(line) = line else { return Ok(None) };
                let head =
                    connection.prepare_cached(BY_LINE)?.query_row([line], head).optional()?;
                Ok(head.map(|head| (line, head)))
            });
        let title = &self.title;
        let (line, head) = found.map_err(failed)?.ok_or_else(|| {
            StoreError(match line {
                Some(line) => format!(
                    "there is no line {line} in {title} that can be answered: '/history {title}' shows \
                     the numbers."
                ),
                None => format!("there is nothing of others in {title} that could be answered."),
            })
        })?;
        let (feed, number, hash) = (head.content.feed, head.content.number, head.content.hash());
        Ok((line.cast_unsigned(), PostRef { feed, number, hash }))
    }
}

#[cfg(test)]
mod tests;
