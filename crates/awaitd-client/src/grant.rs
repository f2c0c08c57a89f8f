//! Calls that give something to their caller: what becomes of it if the caller is gone.

use reqwest::Method;
use tokio::runtime::Handle;

use crate::answer::Answer;
use crate::call::{Call, Until, Wait, encoded};
use crate::client::{Client, Repeat};
use crate::error::{Code, Error, Result};
use crate::lease::{Lease, WayBack};

/// A lease that is over again and again before it is heard of is too short for this network.
const LOST_MAX: u32 = 3;

/// What was asked under a key, taken back if it is dropped before the server has answered for good: so
/// nothing is given to nobody, and nobody is left standing in a line.
struct Asked<'a> {
    client: &'a Client,
    /// The path of what the key belongs to.
    thing: &'a str,
    key: String,
    way_back: Option<WayBack>,
    runtime: Handle,
    open: bool,
}

impl Client {
    /// Asks for what the call does once, and takes it back if the caller goes away.
    pub(crate) async fn ask_for(&self, call: &Call, thing: &str, wait: Wait) -> Result<Answer> {
        let asked = Asked::new(self, thing, None);
        let told = self.ask(call, Repeat::Keyed(&asked.key), wait.begins()).await;
        asked.told(&told);
        told
    }

    /// Asks for a lease, and gives it back if the caller goes away. One that was over before its answer
    /// came through is asked for anew.
    pub(crate) async fn acquire(
        &self,
        call: &Call,
        thing: &str,
        wait: Wait,
        way_back: WayBack,
    ) -> Result<(Answer, Lease)> {
        let until = wait.begins();
        let mut lost = 0;
        loop {
            let asked = Asked::new(self, thing, Some(way_back.undelivered()));
            let told = self.ask(call, Repeat::Keyed(&asked.key), until).await;
            match asked.begin(told, way_back).await {
                Err(error) if error.is_lost() && lost < LOST_MAX => lost += 1,
                begun => return begun,
            }
        }
    }

    /// Gives up a lock for a while: what was asked for is asked for once, and then the lock alone for as
    /// long as it takes.
    pub(crate) async fn acquire_again(
        &self,
        call: &Call,
        thing: &str,
        wait: Wait,
    ) -> Result<(Answer, Lease)> {
        let asked = Asked::new(self, thing, Some(WayBack::Release));
        let key = Repeat::Keyed(&asked.key);
        let mut told = self.ask(call, key, wait.begins()).await;
        if told.as_ref().is_err_and(|error| error.code() == Some(Code::Locked)) {
            told = self.ask(call, key, Until::Forever).await;
        }
        asked.begin(told, WayBack::Release).await
    }

    /// Asks for a lease without a key: quicker, and what is lost on the way comes back when its lease ends.
    pub(crate) async fn acquire_unkeyed(
        &self,
        call: &Call,
        until: Until,
        way_back: WayBack,
    ) -> Result<(Answer, Lease)> {
        let answer = self.ask(call, Repeat::Harmless, until).await?;
        let lease = Lease::begin(self, &answer, way_back).await?;
        Ok((answer, lease))
    }
}

impl<'a> Asked<'a> {
    fn new(client: &'a Client, thing: &'a str, way_back: Option<WayBack>) -> Self {
        let (key, runtime) = (client.new_key(), Handle::current());
        Self { client, thing, key, way_back, runtime, open: true }
    }

    /// The lease that the answer grants. Until that is held, it may have to be taken back.
    async fn begin(self, told: Result<Answer>, way_back: WayBack) -> Result<(Answer, Lease)> {
        let begun = match told {
            Ok(answer) => {
                Lease::begin(self.client, &answer, way_back).await.map(|lease| (answer, lease))
            }
            Err(error) => Err(error),
        };
        self.told(&begun);
        begun
    }

    /// Nothing is to be taken back, unless nobody knows what became of it.
    fn told<T>(mut self, told: &Result<T>) {
        self.open = matches!(told, Err(Error::Unreachable { .. } | Error::Odd(_)));
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if !self.open {
            return;
        }
        let path = format!("{}/waiters/{}", self.thing, encoded(&self.key));
        let (client, way_back) = (self.client.clone(), self.way_back);
        self.client.spawn(&self.runtime, async move {
            take_back(&client, path, way_back).await;
        });
    }
}

/// Nobody is there to be told; if this fails, the place goes after ten seconds, and a lease runs out.
async fn take_back(client: &Client, path: String, way_back: Option<WayBack>) {
    let withdraw = Call::new(Method::DELETE, path);
    let Ok(answer) = client.ask(&withdraw, Repeat::Harmless, Until::Now).await else { return };
    // A `Location` says that it was granted before it could be withdrawn.
    if let (Some(way_back), Ok(location)) = (way_back, answer.location()) {
        _ = client.ask(&way_back.call(&location), Repeat::Harmless, Until::Now).await;
    }
}
