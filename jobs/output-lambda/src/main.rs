//! The program of LAMBDA_OUTPUT: wiring.

// The futures of the SDK are nested deeper than the compiler looks by default.
#![recursion_limit = "256"]

use control::{
    environment::Environment, output::environment::variables, output::handler::Recorder, output::settings::Settings,
};
use control_aws::{AwsPorts, Clients, SystemClock, lambda};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda::Error> {
    lambda::start_logging();
    let environment = Environment::read(&variables())?;
    let clients = Clients::load().await?;
    let recorder = Recorder::<AwsPorts> {
        objects: clients.objects().await?,
        inputs: clients.table(environment.get("DYNAMODB_INPUT")),
        outputs: clients.table(environment.get("DYNAMODB_OUTPUT")),
        queues: clients.queues_and_deliveries(&environment),
        notices: clients.notices_and_ends(&environment).await?,
        executor: clients.executor(),
        clock: SystemClock,
        settings: Settings::read(&environment)?,
    };
    Box::pin(lambda::run(&recorder, Recorder::handle)).await
}
