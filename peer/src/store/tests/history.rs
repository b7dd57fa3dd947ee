//! Lines of conversations, page by page and by their words.

use super::*;

#[test]
fn a_conversation_is_gone_through_page_by_page() {
    let mut database = fresh();
    let long = "x".repeat(messages::PAGE / 2);
    for number in 1..=3 {
        receive(&mut database, incoming(number, number - 1, &long));
        queue(&mut database, "carol", "hi");
    }
    let mut page = |with: Option<&str>, after| {
        let request = StoreRequest::Page { with: with.map(|who| Talk::User(name(who))), after };
        let Ok(StoreReply::Lines(lines)) = one(&mut database, request) else { panic!() };
        lines.into_iter().map(|line| line.line).collect::<Vec<_>>()
    };
    assert_eq!(page(Some("bob"), 0), [1, 3], "not more than fits into memory");
    assert_eq!(page(Some("bob"), 3), [5]);
    assert_eq!(page(Some("bob"), 5), [0; 0]);
    assert_eq!(page(None, 0), [1, 2, 3]);
    assert_eq!(page(None, 3), [4, 5, 6]);
    assert_eq!(page(None, u64::MAX), [0; 0]);
}

#[test]
fn history_is_turned_back_page_by_page() {
    let mut database = fresh();
    for number in 1..=5 {
        receive(&mut database, incoming(number, number - 1, &number.to_string()));
    }
    let mut page = |before| {
        let request = StoreRequest::History {
            with: Some(Talk::User(name("bob"))),
            limit: 2,
            before,
            since: None,
        };
        let Ok(StoreReply::Lines(lines)) = one(&mut database, request) else { panic!() };
        lines.into_iter().map(|line| (line.line, line.body)).collect::<Vec<_>>()
    };
    assert_eq!(page(None), [(4, "4".to_owned()), (5, "5".to_owned())]);
    assert_eq!(page(Some(4)), [(2, "2".to_owned()), (3, "3".to_owned())]);
    assert_eq!(page(Some(2)), [(1, "1".to_owned())]);
    assert!(page(Some(1)).is_empty());
    assert_eq!(page(Some(u64::MAX)).len(), 2);
}

#[test]
fn history_gives_the_newest_lines_oldest_first() {
    let mut database = fresh();
    for body in ["1", "2", "3"] {
        queue(&mut database, "bob", body);
    }
    queue(&mut database, "carol", "4");
    let bob = StoreRequest::History {
        with: Some(Talk::User(name("bob"))),
        limit: 2,
        before: None,
        since: None,
    };
    assert_eq!(lines(&mut database, bob), ["2", "3"]);
    let all = StoreRequest::History { with: None, limit: 2, before: None, since: None };
    assert_eq!(lines(&mut database, all), ["3", "4"]);
}

#[test]
fn history_begins_behind_the_last_line_from_before_a_moment() {
    let mut database = fresh();
    // When the first came, the clock was ahead.
    for (number, at) in [(1, 999), (2, 100), (3, 200), (4, 300)] {
        let line = Incoming { at, ..incoming(number, number - 1, &number.to_string()) };
        receive(&mut database, line);
    }
    let mut since = |since, with: Option<&str>, limit| {
        let with = with.map(|who| Talk::User(name(who)));
        let request = StoreRequest::History { with, limit, before: None, since: Some(since) };
        lines(&mut database, request)
    };
    assert_eq!(since(200, Some("bob"), 9), ["3", "4"]);
    assert_eq!(since(201, None, 9), ["4"]);
    assert_eq!(since(100, Some("bob"), 9).len(), 4, "nothing came before");
    assert_eq!(since(0, None, 9).len(), 4);
    assert_eq!(since(0, None, 2), ["3", "4"], "the newest of them");
    assert_eq!(since(0, Some("carol"), 9), [""; 0]);
    assert_eq!(since(u64::MAX, Some("bob"), 9), [""; 0]);
}

#[test]
fn search_takes_words_not_a_query_language() {
    let mut database = fresh();
    for body in ["Grüße aus Köln", "say \"AND\" loudly", "a - b * c", "NEAR the end", "köln ende"]
    {
        queue(&mut database, "bob", body);
    }
    receive(&mut database, incoming(1, 0, "from Köln"));
    let mut find = |text: &str| {
        lines(&mut database, StoreRequest::Search { text: text.to_owned(), with: None, limit: 10 })
    };
    assert_eq!(find("koln"), ["Grüße aus Köln", "köln ende", "from Köln"]);
    assert_eq!(find("KÖLN grüße"), ["Grüße aus Köln"]);
    assert_eq!(find("\"and"), ["say \"AND\" loudly"]);
    assert_eq!(find("NEAR end"), ["NEAR the end"]);
    assert_eq!(find("NOT"), [""; 0]);
    assert_eq!(find("body:loudly"), [""; 0]);
    let newest = StoreRequest::Search { text: "köln".to_owned(), with: None, limit: 1 };
    assert_eq!(lines(&mut database, newest), ["from Köln"]);
    queue(&mut database, "carol", "Köln");
    let with = |user: &str| StoreRequest::Search {
        text: "köln".to_owned(),
        with: Some(Talk::User(name(user))),
        limit: 10,
    };
    assert_eq!(lines(&mut database, with("carol")), ["Köln"]);
    assert_eq!(lines(&mut database, with("bob")).len(), 3);
    assert_eq!(lines(&mut database, with("nobody")), [""; 0]);
    let none = StoreRequest::Search { text: "\" * -".to_owned(), with: None, limit: 1 };
    assert!(one(&mut database, none).is_err());
}
