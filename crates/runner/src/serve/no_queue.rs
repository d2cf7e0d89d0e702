//! What is in the place of queues in a program that is built without AWS.

use contract::Failure;
use store::{Aws, without_aws};

use super::{Forward, Message, Requests};

/// The absence of a queue.
pub(crate) struct Queue;

impl Queue {
    pub(crate) async fn new(_: &Aws, _: &str) -> Result<Self, Failure> {
        std::future::ready(Ok(Self)).await
    }
}

impl Requests for Queue {
    async fn next(&mut self) -> Result<Option<Message>, Failure> {
        std::future::ready(Err(without_aws())).await
    }

    async fn done(&mut self, _: Message) -> Result<(), Failure> {
        std::future::ready(Err(without_aws())).await
    }

    async fn failed(&mut self, _: Message) -> Result<(), Failure> {
        std::future::ready(Err(without_aws())).await
    }
}

/// The absence of an ordinary queue.
pub(crate) struct OrdinaryQueue;

impl OrdinaryQueue {
    pub(crate) fn new(_: &Aws, _: &str) -> Self {
        Self
    }
}

impl Forward for OrdinaryQueue {
    async fn forward(&self, _: &str) -> Result<(), Failure> {
        std::future::ready(Err(without_aws())).await
    }
}
