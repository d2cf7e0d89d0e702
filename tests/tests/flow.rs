//! From upload to records: the real Lambda programs and the real job container, on an installation made by this test.
//! The same on what Terraform makes: `terraform.rs`.

use e2e::containers::Engine;
use e2e::{Aws, Infrastructure, System, flow};

#[tokio::test]
async fn uploads_become_results_and_records() {
    let engine = Engine::start();
    engine.build("image-job");
    let aws = Aws::start();
    let infrastructure = Infrastructure::create(&aws).await;
    flow::everything(&mut System::start(&aws, &engine, infrastructure).await).await;
}
