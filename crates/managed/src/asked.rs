//! Answers what one operation asks, and keeps the bill.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use catalog::Service;
use contract::{Failure, ManagedUnits};
use operation::ask::{self, Question};
use operation::{Answers, ask::Jpeg};
use serde::de::DeserializeOwned;
use store::Aws;
use tokio::runtime::Handle;

use crate::api::Api;
use crate::client::Client;
use crate::comprehend::{self, COMPREHEND};
use crate::mediaconvert::MEDIACONVERT;
use crate::rekognition::{self, REKOGNITION};
use crate::textract::{self, TEXTRACT};

/// The managed engines of a process, which share one pace and one set of credentials.
#[derive(Clone)]
pub struct Managed(Arc<Client>);

impl Managed {
    /// Engines by the process's AWS clients.
    pub fn new(aws: Aws) -> Result<Self, Failure> {
        Ok(Self(Arc::new(Client::new(aws, &[&REKOGNITION, &TEXTRACT, &COMPREHEND, &MEDIACONVERT])?)))
    }

    /// Who answers one operation. Calls are made on the runtime; whoever asks waits, and must not be one of its threads.
    pub fn asked(&self, runtime: Handle) -> Asked {
        Asked { client: Arc::clone(&self.0), runtime, bill: Mutex::default() }
    }
}

/// What was billed, and who answered.
#[derive(Debug, Clone, Default)]
pub struct Bill {
    /// In the units of the price lists.
    pub units: ManagedUnits,
    /// The models that answered, for the manifest: `rekognition DetectLabels` and `3.0`.
    pub versions: BTreeMap<String, String>,
}

/// Answers one operation.
pub struct Asked {
    pub(crate) client: Arc<Client>,
    runtime: Handle,
    bill: Mutex<Bill>,
}

impl Asked {
    /// What was billed so far.
    pub fn bill(&self) -> Bill {
        self.bill.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls an action; its answer is not billed yet.
    pub(crate) async fn call<A: DeserializeOwned>(
        &self,
        api: &'static Api,
        action: &'static str,
        request: &impl serde::Serialize,
    ) -> Result<A, Failure> {
        self.client.call(api, action, request).await
    }

    /// Adds an answered call to the bill. A service that names no model is named by the version of its interface.
    pub(crate) fn billed(&self, api: &Api, action: &str, model: Option<String>, units: ManagedUnits) {
        let mut bill = self.bill.lock().unwrap_or_else(PoisonError::into_inner);
        bill.units = bill.units.and(units);
        let version = model.unwrap_or_else(|| format!("interface of {}", api.version));
        bill.versions.insert(format!("{} {action}", api.name), version);
    }
}

impl Answers for Asked {
    fn answer(&self, service: Service, question: &str) -> Result<Vec<u8>, Failure> {
        self.runtime.block_on(async {
            match service {
                Service::Labels => write::<ask::Labels>(&rekognition::labels(self, read(question)?).await?),
                Service::Faces => write::<ask::Faces>(&rekognition::faces(self, read(question)?).await?),
                Service::Words => write::<ask::Words>(&rekognition::words(self, read(question)?).await?),
                Service::Moderation => write::<ask::Moderation>(&rekognition::moderation(self, read(question)?).await?),
                Service::PageText => write::<ask::PageText>(&textract::page_text(self, read(question)?).await?),
                Service::Languages => write::<ask::Languages>(&comprehend::languages(self, read(question)?).await?),
                Service::Names => write::<ask::Names>(&comprehend::names(self, read(question)?).await?),
                Service::Phrases => write::<ask::Phrases>(&comprehend::phrases(self, read(question)?).await?),
                Service::Sentiment => write::<ask::Sentiment>(&comprehend::sentiment(self, read(question)?).await?),
            }
        })
    }
}

fn read<Q: Question>(question: &str) -> Result<Q, Failure> {
    serde_json::from_str(question).map_err(|error| {
        Failure::internal(format!("the worker's question to {:?} is not a valid one", Q::SERVICE)).because(error)
    })
}

fn write<Q: Question>(answer: &Q::Answer) -> Result<Vec<u8>, Failure> {
    serde_json::to_vec(answer).map_err(|error| Failure::internal("failed to write a service's answer").because(error))
}

/// A picture from a worker: a JPEG of no more bytes than the service takes. Nothing else of the worker's leaves this machine.
pub(crate) fn checked(picture: &Jpeg, most: usize) -> Result<(), Failure> {
    if !picture.0.starts_with(&[0xff, 0xd8, 0xff]) {
        return Err(Failure::internal("the worker asks about a picture that is not a JPEG"));
    }
    if picture.0.len() > most {
        let length = picture.0.len();
        return Err(Failure::internal(format!(
            "the worker asks about a picture of {length} bytes; at most {most} are sent"
        )));
    }
    Ok(())
}

/// A confidence in per cent as a share with four digits.
pub(crate) fn share(per_cent: f32) -> f32 {
    if per_cent.is_finite() { (per_cent.clamp(0.0, 100.0) * 100.0).round() / 10_000.0 } else { 0.0 }
}
