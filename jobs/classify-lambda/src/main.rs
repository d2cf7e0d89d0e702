//! The program of LAMBDA_CLASSIFY: wiring.

// The futures of the SDK are nested deeper than the compiler looks by default.
#![recursion_limit = "256"]

use control::{
    classify::environment::variables, classify::handler::Classifier, classify::settings::Settings,
    environment::Environment,
};
use control_aws::{AwsPorts, Clients, SystemClock, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::start_logging();
    let environment = Environment::read(&variables())?;
    let clients = Clients::load().await?;
    let classifier = Classifier::<AwsPorts> {
        objects: clients.objects().await?,
        records: clients.table(environment.get("DYNAMODB_INPUT")),
        queues: clients.queues(),
        notices: clients.notices(environment.get("SNS_NOTIF")).await?,
        clock: SystemClock,
        settings: Settings::read(&environment)?,
    };
    Box::pin(lambda::run(&classifier, Classifier::handle)).await
}
