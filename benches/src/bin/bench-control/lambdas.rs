//! The real programs under the Runtime API emulator, against an AWS API on this machine.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use benches::print;
use catalog::{MediaKind, ProcessingOption};
use contract::{JobRequest, Source};
use e2e::{Aws, Infrastructure, Lambda, Proxy, Variables, flow};
use serde_json::{Value, json};

const STARTS: usize = 15;
const WARM_UP: usize = 20;
/// Uploads for the figures of time, and for those of requests.
const UPLOADS: usize = 200;
const COUNTED: usize = 100;

/// Measures classify and dispatch, and prints two tables.
pub async fn measure() -> Result<()> {
    let aws = Aws::start();
    aws.without_containers();
    let mut infrastructure = Infrastructure::create(&aws).await;
    // The emulator's tests pack few; here it is the default.
    infrastructure.environments.dispatch.remove("PACK_COUNT");
    let environments = &infrastructure.environments;
    let starts = [
        ("classify-lambda", &environments.classify),
        ("dispatch-lambda", &environments.dispatch),
        ("output-lambda", &environments.output),
    ];
    let mut text = "\n### Cold starts of the Lambdas\n\nMedians of 15 starts in turn, from the start of the process to its \
                    first request for an event.\n\n| | init, by the clock | init, CPU | memory then |\n| --- | ---: | ---: | ---: |\n"
        .to_owned();
    let mut figures: Vec<Vec<(Duration, Duration, u64)>> = vec![Vec::new(); starts.len()];
    for _ in 0..STARTS {
        for (position, (name, variables)) in starts.iter().enumerate() {
            let lambda = start(name, variables, aws.environment());
            figures[position].push((lambda.init(), lambda.cpu(), lambda.peak_memory()));
        }
    }
    for ((name, _), figures) in starts.iter().zip(figures) {
        let _ = writeln!(
            text,
            "| {name} | {:.1} ms | {:.1} ms | {:.1} MB |",
            milliseconds(middle(figures.iter().map(|(init, ..)| *init))),
            milliseconds(middle(figures.iter().map(|(_, cpu, _)| *cpu))),
            middle(figures.iter().map(|(.., memory)| *memory)) as f64 / 1e6,
        );
    }
    print(&text);
    print(&format!(
        "\n### The Lambdas at work\n\nClassify: one JPEG of 100 kB an event, {UPLOADS} events after {WARM_UP}. Dispatch: \
         deliveries of {COUNTED} requests that become one job.\n\n\
         | | CPU an upload | uploads a second of one core | requests to AWS an upload | peak memory |\n\
         | --- | ---: | ---: | ---: | ---: |"
    ));
    print(&measure_classify(&aws, &infrastructure).await?);
    // The emulator's transactions copy the whole table: dispatch gets one of its own.
    let aws = Aws::start();
    aws.without_containers();
    let mut infrastructure = Infrastructure::create(&aws).await;
    infrastructure.environments.dispatch.remove("PACK_COUNT");
    print(&measure_dispatch(&aws, &infrastructure)?);
    Ok(())
}

async fn measure_classify(aws: &Aws, infrastructure: &Infrastructure) -> Result<String> {
    let bucket = &infrastructure.buckets.input;
    let photo = [flow::jpeg(64, 48), vec![7; 100_000]].concat();
    let size = photo.len();
    let put = aws.s3().put_object().bucket(bucket).key("photo.jpg").metadata("processing-option", "resize?width=320");
    let put = put.body(photo.into()).send().await?;
    let etag = put.e_tag().context("an entity tag")?.trim_matches('"').to_owned();
    let event = |number: usize| -> Value {
        json!({"detail-type": "Object Created", "source": "aws.s3", "time": "2026-11-22T18:00:00Z",
            "detail": {"bucket": {"name": bucket}, "object": {
                "key": "photo.jpg", "size": size, "etag": etag, "version-id": put.version_id(), "sequencer": format!("{number:018X}")}}})
    };
    let lambda = start("classify-lambda", &infrastructure.environments.classify, aws.environment());
    for number in 0..WARM_UP {
        invoke(&lambda, &event(number))?;
    }
    let before = lambda.cpu();
    for number in WARM_UP..WARM_UP + UPLOADS {
        invoke(&lambda, &event(number))?;
    }
    let cpu = lambda.cpu().saturating_sub(before) / UPLOADS as u32;
    let proxy = Proxy::before(&aws.endpoint());
    let counted = start("classify-lambda", &infrastructure.environments.classify, proxy.environment());
    for number in WARM_UP + UPLOADS..WARM_UP + UPLOADS + COUNTED {
        invoke(&counted, &event(number))?;
    }
    Ok(row("classify-lambda", cpu, proxy.requests().len() as f64 / COUNTED as f64, lambda.peak_memory()))
}

fn measure_dispatch(aws: &Aws, infrastructure: &Infrastructure) -> Result<String> {
    let queue = infrastructure.queues[&MediaKind::Image].rsplit('/').next().unwrap_or_default().to_owned();
    let delivery = |round: usize| -> Result<Value> {
        let mut records = Vec::new();
        for number in 0..COUNTED {
            let request = JobRequest {
                schema_version: contract::SCHEMA_VERSION,
                job_id: format!("{:024x}-{round:08x}{number:08x}", round * COUNTED + number),
                source: Source {
                    bucket: Some(infrastructure.buckets.input.clone()),
                    key: format!("{round}/{number}.jpg"),
                    version_id: None,
                    etag: Some("e".to_owned()),
                    size: 2_000_000,
                },
                processing_option: ProcessingOption::new(MediaKind::Image, "resize?width=320"),
                uploaded_at: Some("2026-11-22T18:00:00.000Z".to_owned()),
            };
            records.push(json!({
                "messageId": format!("{round}-{number}"), "body": serde_json::to_string(&request)?,
                "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183"},
                "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:us-east-1:123456789012:{queue}"),
            }));
        }
        Ok(json!({"Records": records}))
    };
    let lambda = start("dispatch-lambda", &infrastructure.environments.dispatch, aws.environment());
    let deliver = |lambda: &Lambda, round: usize| -> Result<()> {
        let answer = invoke(lambda, &delivery(round)?)?;
        let is_done = answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty);
        ensure!(is_done, "dispatch left something over: {:#?}", lambda.printed().last());
        Ok(())
    };
    deliver(&lambda, 0)?;
    let before = lambda.cpu();
    let rounds = UPLOADS / COUNTED;
    for round in 1..=rounds {
        deliver(&lambda, round)?;
    }
    let cpu = lambda.cpu().saturating_sub(before) / (rounds * COUNTED) as u32;
    let proxy = Proxy::before(&aws.endpoint());
    let counted = start("dispatch-lambda", &infrastructure.environments.dispatch, proxy.environment());
    deliver(&counted, rounds + 1)?;
    Ok(row("dispatch-lambda", cpu, proxy.requests().len() as f64 / COUNTED as f64, lambda.peak_memory()))
}

fn start(name: &str, variables: &Variables, aws: Vec<(String, String)>) -> Lambda {
    Lambda::start(name, variables.iter().map(|(name, value)| (name.clone(), value.clone())).chain(aws))
}

fn invoke(lambda: &Lambda, event: &Value) -> Result<Value> {
    lambda.invoke(event).map_err(|error| anyhow!("the function failed: {error}"))
}

fn row(name: &str, cpu: Duration, requests: f64, peak_memory: u64) -> String {
    format!(
        "| {name} | {:.3} ms | {:.0} | {requests:.2} | {:.1} MB |",
        milliseconds(cpu),
        1.0 / cpu.as_secs_f64(),
        peak_memory as f64 / 1e6
    )
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}

fn middle<T: Ord + Copy + Default>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}
