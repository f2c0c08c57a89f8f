//! Events: `asyncio.Event`, with a generation and a value for each set.

use std::future::IntoFuture;
use std::str::Utf8Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::boxed::Boxed;
use crate::call::{Call, Until, Wait, path};
use crate::client::{Client, Repeat};
use crate::error::{Code, Error, Result};

/// An event, by its name. It is not set until somebody sets it.
#[derive(Clone, Debug)]
pub struct Event {
    client: Client,
    path: String,
}

/// A set that is sent when it is awaited.
#[derive(Clone, Debug)]
#[must_use = "nothing is set before it is awaited"]
pub struct Set {
    client: Client,
    call: Result<Call, String>,
}

/// Waits until the event is set.
#[derive(Clone, Debug)]
#[must_use = "nothing is waited for before it is awaited"]
pub struct EventWait {
    client: Client,
    path: String,
    after: Option<u64>,
    wait: Wait,
}

/// A set that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Happened {
    /// Which set it was: each one's is larger than those before.
    pub generation: u64,
    /// What it was set with; empty if with nothing.
    pub value: Bytes,
    /// What the value was said to be.
    pub content_type: String,
}

/// What a list of events says of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EventState {
    /// Its name.
    pub name: String,
    /// Whether it is set.
    pub set: bool,
    /// The generation of the last set.
    pub generation: u64,
}

impl Client {
    /// The event of this name.
    pub fn event(&self, name: impl AsRef<str>) -> Event {
        Event { client: self.clone(), path: path("events", name.as_ref()) }
    }

    /// Waits at a path that answers with a generation when something happens.
    ///
    /// It looks first: whatever happens after that has a larger generation, and is seen however often the
    /// wait is cut or has to be asked for anew, also if it is over again by then.
    pub(crate) async fn watch(&self, path: &str, after: Option<u64>, wait: Wait) -> Result<Answer> {
        let until = wait.begins();
        let call = Call::new(Method::GET, path);
        let look = call.clone().with_some("after", after);
        let refused = match self.ask(&look, Repeat::Harmless, Until::Now).await {
            Err(error) if error.is_not_yet() && until.goes_on() => error,
            told => return told,
        };
        let generation = refused.problem().and_then(|problem| problem.generation);
        let call = call.with_some("after", after.max(generation));
        self.ask(&call, Repeat::Harmless, until).await
    }
}

impl Event {
    /// Sets it, and wakes all who wait.
    pub fn set(&self) -> Set {
        Set { client: self.client.clone(), call: Ok(Call::new(Method::PUT, &*self.path)) }
    }

    /// Sets it if it is not set: then it is a future, of which there is one result.
    /// [`AlreadySet`](Code::AlreadySet) if it is.
    pub fn set_once(&self) -> Set {
        let Set { client, call } = self.set();
        let any = HeaderValue::from_static("*");
        Set { client, call: call.map(|call| call.header(IF_NONE_MATCH, any)) }
    }

    /// Clears it: from now on it is waited for.
    pub async fn clear(&self) -> Result<()> {
        self.client.delete(&self.path, false).await
    }

    /// Waits until it is set.
    pub fn wait(&self) -> EventWait {
        let (client, path) = (self.client.clone(), self.path.clone());
        EventWait { client, path, after: None, wait: Wait::Forever }
    }

    /// Whether it is set; what it was set with, if it is.
    pub async fn look(&self) -> Result<Option<Happened>> {
        let call = Call::new(Method::GET, &*self.path);
        match self.client.ask(&call, Repeat::Harmless, Until::Now).await {
            Ok(answer) => Happened::of(answer).map(Some),
            Err(error) if error.code() == Some(Code::NotSet) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it is set.
    pub async fn is_set(&self) -> Result<bool> {
        Ok(self.look().await?.is_some())
    }
}

impl Set {
    /// With a value, for all who wait.
    pub fn value(mut self, value: impl Into<Bytes>) -> Self {
        self.call = self.call.map(|call| call.body(value.into()));
        self
    }

    /// What the value is: `application/json`, for instance.
    pub fn content_type(mut self, kind: &str) -> Self {
        self.call = self.call.and_then(|call| Ok(call.header(CONTENT_TYPE, content_type(kind)?)));
        self
    }
}

impl IntoFuture for Set {
    /// The generation of this set.
    type Output = Result<u64>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let answer = self.client.change(&self.call.map_err(Error::Input)?).await?;
            answer.needed("awaitd-generation", Answer::number)
        })
    }
}

impl EventWait {
    /// Waits no longer than so; then it is [`NotSet`](Code::NotSet).
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }

    /// Comes to its end with any set after this generation, also one that was cleared since: whoever passes
    /// the last one he saw misses none between two waits.
    pub fn after(mut self, generation: u64) -> Self {
        self.after = Some(generation);
        self
    }
}

impl IntoFuture for EventWait {
    type Output = Result<Happened>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, path, after, wait } = self;
            Happened::of(client.watch(&path, after, wait).await?)
        })
    }
}

impl Happened {
    /// The value as text.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.value)
    }

    fn of(answer: Answer) -> Result<Self> {
        Ok(Self {
            generation: answer.needed("awaitd-generation", Answer::number)?,
            content_type: answer.text("content-type").unwrap_or_default().to_owned(),
            value: answer.body,
        })
    }
}

/// What a body is said to be, fit for a header.
pub(crate) fn content_type(kind: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(kind)
        .map_err(|_| format!("{kind:?} is no content type: that is visible ASCII"))
}
