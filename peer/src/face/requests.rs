//! What is said of strangers who ask to talk, in the words of the plain face.

use super::plain::{file_line, quoted, short};
use super::rooms::room_line;
use crate::output::{Output, RequestLine, RoomLine};

/// The lines about requests.
pub(super) fn lines(output: &Output, local_time: fn(u64) -> String) -> Vec<String> {
    if let Output::Request { request } = output {
        vec![request_told(request)]
    } else if let Output::RequestOver { user, answer } = output {
        over(&short(user), answer).into_iter().collect()
    } else if let Output::Requests { requests, files, rooms } = output {
        let asked = requests.iter().map(|request| listed(request, local_time));
        let lines: Vec<String> =
            asked.chain(files.iter().map(file_line)).chain(rooms.iter().map(invitation)).collect();
        if lines.is_empty() { vec!["* nothing waits for an answer".to_owned()] } else { lines }
    } else if let Output::Asked { user, state } = output {
        vec![asked(&short(user), state)]
    } else {
        Vec::new()
    }
}

fn invitation(room: &RoomLine) -> String {
    format!("* {}", room_line(room))
}

/// `alice asks to talk with you: "hello" (and offers a file, "clip.mp4")`.
fn asks(request: &RequestLine) -> String {
    let mut line = format!("{} asks to talk with you", short(&request.user));
    if let Some(text) = &request.text {
        line.push_str(&format!(": {}", quoted(text)));
    }
    match (&request.text, &request.file) {
        (Some(_), Some(file)) => {
            line.push_str(&format!(" (and offers a file, {})", quoted(file)));
        }
        (None, Some(file)) => line.push_str(&format!(" and offers a file, {}", quoted(file))),
        (_, None) => {}
    }
    line
}

fn request_told(request: &RequestLine) -> String {
    let user = short(&request.user);
    format!("* {}; /accept {user}, /decline {user} or /block {user}", asks(request))
}

fn listed(request: &RequestLine, local_time: fn(u64) -> String) -> String {
    let since = local_time(request.at);
    format!("* {}; messages held: {}, since {since}", asks(request), request.messages)
}

fn over(user: &str, answer: &str) -> Option<String> {
    match answer {
        "accepted" => Some(format!("* {user} is accepted: you can talk")),
        "declined" => Some(format!("* {user} is declined, and can ask again in a day")),
        "expired" => Some(format!(
            "* the request of {user} has expired: nobody answered it. He can ask again"
        )),
        // That is told by itself.
        _ => None,
    }
}

fn asked(user: &str, state: &str) -> String {
    match state {
        "accepted" => format!("* {user} accepts: you can talk"),
        "declined" => format!("* {user} declines to talk with you"),
        "expired" => format!("* {user} has not answered: your request has expired"),
        _ => format!("* {user} has not accepted you yet: what you write waits there"),
    }
}
