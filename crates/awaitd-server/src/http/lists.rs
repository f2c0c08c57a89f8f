//! A list for somebody who may not see all things of a kind: as if there were no others.

use std::time::Duration;

use awaitd_primitives::{Answer, Ask, Command};

use crate::access::{Verb, Who};
use crate::desk::{Desk, Told};

/// The page that this list has for him. Each part of the names that he may see is asked for by itself, so that
/// what he may not see costs nothing and no cursor tells of it.
pub(super) async fn seen(desk: &Desk, ask: &Ask, who: &Who) -> Told {
    let Command::List { kind, prefix, limit, .. } = &ask.command else {
        unreachable!("nobody else comes here");
    };
    let mut told = part(desk, ask, prefix, 0).await;
    let mut items = Vec::new();
    for (begins, open) in who.names(Verb::Look, *kind) {
        let begins = match begins.starts_with(prefix) {
            true => begins,
            false if open && prefix.starts_with(begins) => prefix,
            false => continue,
        };
        // One more than there is room for tells whether there is another page.
        let wanted = if open { limit + 1 - items.len() } else { 1 };
        let more = part(desk, ask, begins, wanted).await;
        let Ok(Answer::List { items: more, .. }) = more.told else { return more };
        items.extend(more.into_iter().filter(|view| open || view.name().as_str() == begins));
        if items.len() > *limit {
            break;
        }
    }
    let another = items.len() > *limit;
    items.truncate(*limit);
    if let Ok(Answer::List { items: list, cursor }) = &mut told.told {
        *cursor = items.last().filter(|_| another).map(|last| last.name().clone());
        *list = items;
    }
    told
}

/// Names that begin so.
async fn part(desk: &Desk, ask: &Ask, begins: &str, wanted: usize) -> Told {
    let mut ask = ask.clone();
    if let Command::List { prefix, limit, .. } = &mut ask.command {
        begins.clone_into(prefix);
        *limit = wanted;
    }
    desk.ask(ask, Duration::ZERO).await
}
