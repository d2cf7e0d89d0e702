//! Writes docs/cost.md: what 5 TB a day cost, from the dated price list and the load in docs/cost/.
//!
//! `cargo run -p benches --bin bench-cost` writes it, `cargo test -p benches --bin bench-cost` fails where it is stale.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use catalog::{Format, MediaKind, Operations};
use serde::Deserialize;

const PRICES: &str = include_str!("../../../docs/cost/prices-us-east-1.toml");
const LOAD: &str = include_str!("../../../docs/cost/load.toml");
/// Fargate and EC2 bill a minute at least.
const LEAST_SECONDS: f64 = 60.0;

const SECONDS_A_DAY: f64 = 86_400.0;

/// Alarms by which a table's or an index's capacity follows the load, for reads or for writes (Developer Guide of DynamoDB, "Managing
/// throughput capacity automatically with DynamoDB auto scaling").
const ALARMS_A_CAPACITY: f64 = 4.0;

const PAGE: &str = "docs/cost.md";

fn main() -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
    Ok(fs_err::write(path, page()?)?)
}

#[derive(Debug, Deserialize)]
struct PriceList {
    region: String,
    prices: BTreeMap<String, Price>,
}

#[derive(Debug, Deserialize)]
struct Price {
    usd: f64,
    unit: String,
    source: String,
    compared: String,
    seen: String,
}

#[derive(Debug, Deserialize)]
struct Load {
    days_a_month: f64,
    utilisation: f64,
    start_seconds: f64,
    fargate_spot_share: f64,
    ec2_spot_share: f64,
    downloads: f64,
    lambda_gib_seconds: f64,
    record_window_seconds: f64,
    dispatch_window_seconds: f64,
    notice_bytes_an_output: f64,
    writes_an_upload: f64,
    reads_an_upload: f64,
    writes_an_output: f64,
    reads_an_output: f64,
    bytes_an_upload: f64,
    bytes_an_output: f64,
    table_utilisation: f64,
    scaled_capacities: f64,
    log_bytes: f64,
    log_bytes_a_job: f64,
    metrics: f64,
    alarm_metrics: f64,
    image_gib: f64,
    pollers: f64,
    poll_seconds: f64,
    instance_vcpus: f64,
    instance_disk_gib: f64,
    kinds: BTreeMap<String, Kind>,
    compared: Compared,
    operations: Vec<Work>,
}

/// What one operation takes for a number of objects, hours or pages, beside the managed service that does the same.
#[derive(Debug, Deserialize)]
struct Work {
    kind: String,
    operation: String,
    /// What was worked on.
    of: String,
    /// How many of it, and what they took in all.
    count: f64,
    cpu_seconds: f64,
    /// The container that dispatch gives.
    vcpus: f64,
    gib: f64,
    /// What the row counts: `per` pieces of `unit`.
    unit: String,
    per: f64,
    /// The price of the managed service, and how many of its units one piece has.
    managed: Option<Managed>,
}

impl Work {
    /// CPU seconds of one object, hour or page.
    fn each(&self) -> f64 {
        self.cpu_seconds / self.count
    }
}

#[derive(Debug, Deserialize)]
struct Managed {
    service: String,
    price: String,
    units: f64,
}

#[derive(Debug, Clone, Deserialize)]
struct Kind {
    operation: String,
    gb_a_day: f64,
    object_mb: f64,
    objects_a_job: f64,
    cpu_seconds_a_gb: f64,
    vcpus: f64,
    gib: f64,
    disk_gib: f64,
    bytes_read: f64,
    requests: f64,
    outputs: f64,
    output_share: f64,
    basis: String,
    alone: Alone,
}

/// What a container gets that works on one object alone.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Alone {
    vcpus: f64,
    gib: f64,
    disk_gib: f64,
}

#[derive(Debug, Deserialize)]
struct Compared {
    pages_a_document: f64,
    video_minutes_a_gb: f64,
    transcode: Transcode,
}

/// What transcoding takes, on a machine as dispatch gives for it.
#[derive(Debug, Deserialize)]
struct Transcode {
    cpu_seconds_a_gb: f64,
    vcpus: f64,
    gib: f64,
}

impl Kind {
    fn objects(&self) -> f64 {
        self.gb_a_day * 1000.0 / self.object_mb
    }

    fn jobs(&self) -> f64 {
        self.objects() / self.objects_a_job
    }

    /// The same work with a container for each object.
    fn unpacked(&self) -> Self {
        let Alone { vcpus, gib, disk_gib } = self.alone;
        Self { objects_a_job: 1.0, vcpus, gib, disk_gib, ..self.clone() }
    }

    /// Hours of one vCPU that are paid for a day.
    fn vcpu_hours(&self, load: &Load) -> f64 {
        let work = self.objects_a_job * self.object_mb / 1000.0 * self.cpu_seconds_a_gb / load.utilisation;
        let job_seconds = (load.start_seconds + work / self.vcpus).max(LEAST_SECONDS);
        self.jobs() * job_seconds * self.vcpus / 3600.0
    }
}

/// What an hour of a machine costs, USD.
#[expect(clippy::struct_field_names, reason = "the unit of each price")]
struct Machine {
    vcpu_hour: f64,
    gib_hour: f64,
    disk_gib_hour: f64,
}

struct Model {
    load: Load,
    prices: PriceList,
}

impl Model {
    fn price(&self, name: &str) -> f64 {
        self.prices.prices.get(name).unwrap_or_else(|| panic!("the price list has no {name}")).usd
    }

    fn kinds(&self) -> impl Iterator<Item = &Kind> {
        self.load.kinds.values()
    }

    fn objects(&self) -> f64 {
        self.kinds().map(Kind::objects).sum()
    }

    fn outputs(&self) -> f64 {
        self.kinds().map(|kind| kind.objects() * kind.outputs).sum()
    }

    fn jobs(&self) -> f64 {
        self.kinds().map(Kind::jobs).sum()
    }

    fn fargate(&self, share: f64) -> Machine {
        Machine {
            vcpu_hour: self.price("fargate_vcpu_hour") * share,
            gib_hour: self.price("fargate_gib_hour") * share,
            disk_gib_hour: self.price("fargate_disk_gib_hour"),
        }
    }

    fn fargate_arm(&self, share: f64) -> Machine {
        Machine {
            vcpu_hour: self.price("fargate_arm_vcpu_hour") * share,
            gib_hour: self.price("fargate_arm_gib_hour") * share,
            ..self.fargate(share)
        }
    }

    /// Memory comes with the vCPU, and an instance's disk is divided among its vCPUs: Spot does not make it cheaper.
    fn ec2(&self, share: f64) -> Machine {
        let disk = self.load.instance_disk_gib / self.load.instance_vcpus * self.price("gp3_gib_month");
        let vcpu_hour = self.price("ec2_vcpu_hour") * share + disk / (24.0 * self.load.days_a_month);
        Machine { vcpu_hour, gib_hour: 0.0, disk_gib_hour: 0.0 }
    }

    /// US dollars for an hour of a container with the disk that comes with it.
    fn container_hour(&self, vcpus: f64, gib: f64, machine: &Machine) -> f64 {
        vcpus * machine.vcpu_hour + gib * machine.gib_hour + self.price("public_ipv4_hour")
    }

    /// US dollars a day for jobs of a kind.
    fn kind_compute(&self, kind: &Kind, machine: &Machine) -> f64 {
        let job_hour = self.container_hour(kind.vcpus, kind.gib, machine)
            + (kind.disk_gib - 20.0).max(0.0) * machine.disk_gib_hour;
        kind.vcpu_hours(&self.load) / kind.vcpus * job_hour
    }

    fn compute(&self, machine: &Machine) -> f64 {
        self.kinds().map(|kind| self.kind_compute(kind, machine)).sum()
    }

    fn compute_unpacked(&self, machine: &Machine) -> f64 {
        self.kinds().map(|kind| self.kind_compute(&kind.unpacked(), machine)).sum()
    }

    /// US dollars a day for transcoding every video.
    fn transcode(&self, machine: &Machine) -> f64 {
        let Transcode { cpu_seconds_a_gb, vcpus, gib } = self.load.compared.transcode;
        let videos = self.load.kinds.get("video").expect("the load has videos");
        self.kind_compute(&Kind { cpu_seconds_a_gb, vcpus, gib, ..videos.unpacked() }, machine)
    }

    /// US dollars a day for writing down every minute of every video.
    fn caption(&self, machine: &Machine) -> f64 {
        let caption = self.load.operations.iter().find(|work| work.operation == "caption");
        let caption = caption.expect("the load has captions, by the hour");
        let cpu_seconds_a_gb = caption.each() / 60.0 * self.load.compared.video_minutes_a_gb;
        let videos = self.load.kinds.get("video").expect("the load has videos");
        self.kind_compute(
            &Kind { cpu_seconds_a_gb, vcpus: caption.vcpus, gib: caption.gib, ..videos.unpacked() },
            machine,
        )
    }

    /// US dollars a day, by part, beside the jobs and what is kept.
    fn control(&self, lambda_gib_second: f64) -> Vec<(&'static str, f64)> {
        let (objects, jobs) = (self.objects(), self.jobs());
        // Classify is called for each upload. Output takes the notice of each operation and the event of each container that runs, all of
        // a window at a time; dispatch the requests of a window of each kind. What an event takes is the same in any call.
        let windows = SECONDS_A_DAY / self.load.record_window_seconds
            + self.kinds().count() as f64 * SECONDS_A_DAY / self.load.dispatch_window_seconds;
        let work = (objects * 2.0 + jobs) * self.load.lambda_gib_seconds;
        let lambda = (objects + windows) * self.price("lambda_request") + work * lambda_gib_second;
        // A request is sent to its kind's queue, a notice and a container's event to output's; each is received and deleted ten at a
        // time. A notice that names many outputs counts as one for each 64 KiB.
        let notices = self.notices();
        let queues = (objects + notices + jobs) * 1.2 * self.price("sqs_request");
        let topic = notices * self.price("sns_publish");
        // Of uploads only: results are told of by their jobs, and what is removed by S3 to a queue, for nothing. AWS does not bill
        // Batch's events.
        let events = objects * self.price("eventbridge_s3_event");
        let logs = (objects * self.load.log_bytes + jobs * self.load.log_bytes_a_job) / 1e9 * self.price("logs_gib");
        vec![
            ("S3 events of uploads (EventBridge)", events),
            ("Functions (Lambda)", lambda),
            ("Queues (SQS)", queues),
            ("Notices (SNS)", topic),
            ("Logs (CloudWatch)", logs),
        ]
    }

    /// Notices of 64 KiB and what is left.
    fn notices(&self) -> f64 {
        let of_one = |kind: &Kind| (kind.outputs * self.load.notice_bytes_an_output / 65_536.0).ceil();
        self.kinds().map(|kind| kind.objects() * of_one(kind)).sum()
    }

    /// Units that are written and read in the tables a day: those of uploads and of outputs, indexes included, as a test of
    /// crates/control-world counts them.
    fn table_units(&self) -> (f64, f64) {
        let (objects, outputs, load) = (self.objects(), self.outputs(), &self.load);
        let written = objects * load.writes_an_upload + outputs * load.writes_an_output;
        (written, objects * load.reads_an_upload + outputs * load.reads_an_output)
    }

    /// US dollars a day for tables on demand.
    fn tables_on_demand(&self) -> f64 {
        let (written, read) = self.table_units();
        written * self.price("dynamodb_write") + read * self.price("dynamodb_read")
    }

    /// US dollars a day for tables whose capacity follows the load, with the alarms by which it does.
    fn tables_provisioned(&self) -> f64 {
        let (written, read) = self.table_units();
        let provisioned = |units: f64| units / SECONDS_A_DAY / self.load.table_utilisation * 24.0;
        let alarms = self.load.scaled_capacities * ALARMS_A_CAPACITY * self.price("alarm_metric_month");
        provisioned(written) * self.price("dynamodb_wcu_hour")
            + provisioned(read) * self.price("dynamodb_rcu_hour")
            + alarms / self.load.days_a_month
    }

    /// GB of records that a day leaves.
    fn record_gb(&self) -> f64 {
        (self.objects() * self.load.bytes_an_upload + self.outputs() * self.load.bytes_an_output) / 1e9
    }

    fn requests(&self) -> f64 {
        // A job's own, classify's look at each upload, and of each container's list: its own two, and output's when it runs.
        let of_jobs: f64 = self.kinds().map(|kind| kind.objects() * kind.requests).sum();
        let gets = of_jobs + self.objects() + self.jobs() * 3.0;
        // Uploads (each as one request), outputs and lists.
        let puts = self.objects() + self.outputs() + self.jobs();
        gets * self.price("s3_get") + puts * self.price("s3_put")
    }

    fn input_gb(&self) -> f64 {
        self.kinds().map(|kind| kind.gb_a_day).sum()
    }

    fn result_gb(&self) -> f64 {
        self.kinds().map(|kind| kind.gb_a_day * kind.output_share).sum()
    }

    fn delivery(&self) -> f64 {
        let share = self.load.downloads;
        share * (self.result_gb() * self.price("cloudfront_gib") + self.outputs() * self.price("cloudfront_request"))
    }

    /// US dollars a day, by part, without what is kept.
    fn running(&self) -> Vec<(&'static str, f64)> {
        let mut parts = vec![("Jobs (Fargate Spot, x86)", self.compute(&self.fargate(self.load.fargate_spot_share)))];
        parts.extend(self.control(self.price("lambda_gib_second")));
        parts.push(("Records (DynamoDB, provisioned)", self.tables_provisioned()));
        parts.push(("Requests (S3)", self.requests()));
        parts.push(("Metrics (CloudWatch)", self.load.metrics * self.price("metric_month") / self.load.days_a_month));
        parts.push(("Delivery (CloudFront)", self.delivery()));
        parts
    }

    /// US dollars a month: each poller asks again as soon as a long poll is over. The kinds' queues, and that of events.
    fn polling(&self) -> f64 {
        let seconds = self.load.days_a_month * SECONDS_A_DAY;
        (self.load.kinds.len() + 1) as f64 * self.load.pollers * seconds / self.load.poll_seconds
            * self.price("sqs_request")
    }

    fn idle(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("Alarms", self.load.alarm_metrics * self.price("alarm_metric_month")),
            ("Dashboard (the first three of an account are free)", self.price("dashboard_month")),
            ("Container images", self.load.image_gib * self.price("ecr_gib_month")),
            ("Lambda asking the queues of requests and of events, though they are empty (SQS)", self.polling()),
            ("Everything else (functions, topics, tables, Batch, VPC, gateway endpoints, CloudFront)", 0.0),
        ]
    }
}

fn page() -> Result<String> {
    let prices: PriceList = toml::from_str(PRICES).context("docs/cost/prices-us-east-1.toml")?;
    let load: Load = toml::from_str(LOAD).context("docs/cost/load.toml")?;
    let model = Model { load, prices };
    let days = model.load.days_a_month;
    let mut page = String::from(
        "# What it costs\n\n\
        <!-- Written by `cargo run -p benches --bin bench-cost` from docs/cost/*.toml; change those. -->\n\n",
    );
    writeln!(
        page,
        "5 TB a day in {}, at list prices ([docs/cost/prices-{}.toml](cost/prices-{}.toml): each with its source, what it was \
        compared with and when), without free tiers. What is assumed stands in [docs/cost/load.toml](cost/load.toml); CPU seconds are \
        marked measured or assumed. US dollars; a month has {days} days.\n",
        model.prices.region, model.prices.region, model.prices.region
    )?;
    write_load(&mut page, &model)?;
    write_month(&mut page, &model)?;
    write_levers(&mut page, &model)?;
    write_operations(&mut page, &model)?;
    write_fast_path(&mut page, &model)?;
    write_idle(&mut page, &model)?;
    write_prices(&mut page, &model)?;
    Ok(page)
}

fn write_load(page: &mut String, model: &Model) -> Result<()> {
    page.push_str(
        "## The load\n\n\
        | kind | operation | GB a day | objects | jobs | CPU seconds a GB | basis | vCPU-hours a day |\n\
        | --- | --- | ---: | ---: | ---: | ---: | --- | ---: |\n",
    );
    for (name, kind) in &model.load.kinds {
        writeln!(
            page,
            "| {name} | {} | {:.0} | {:.0} | {:.0} | {} | {} | {:.1} |",
            kind.operation,
            kind.gb_a_day,
            kind.objects(),
            kind.jobs(),
            kind.cpu_seconds_a_gb,
            kind.basis,
            kind.vcpu_hours(&model.load),
        )?;
    }
    writeln!(
        page,
        "\nvCPU-hours are what is paid for: CPU seconds at {:.0} % utilisation, and {} seconds from the start of billing \
        to the first request of each job, a minute at least.\n",
        model.load.utilisation * 100.0,
        model.load.start_seconds
    )?;
    Ok(())
}

fn write_month(page: &mut String, model: &Model) -> Result<()> {
    let days = model.load.days_a_month;
    page.push_str("## A month\n\n| part | USD a day | USD a month |\n| --- | ---: | ---: |\n");
    let parts = model.running();
    let total: f64 = parts.iter().map(|(_, usd)| usd).sum();
    for (part, usd) in parts {
        writeln!(page, "| {part} | {usd:.2} | {:.0} |", usd * days)?;
    }
    writeln!(page, "| **Running, without what is kept** | **{total:.2}** | **{:.0}** |\n", total * days)?;
    writeln!(
        page,
        "Uploads that come all day pay for provisioned capacity of the tables (`table_capacity`), of which {:.0} % are in use on average. \
        On demand, as Terraform makes them unless it is told, they cost {:.2} USD a day more.\n",
        model.load.table_utilisation * 100.0,
        model.tables_on_demand() - model.tables_provisioned()
    )?;
    let month = model.price("s3_gib_month");
    writeln!(
        page,
        "What is kept grows: after the first month {:.0} TB of uploads and {:.1} TB of results lie in S3, which is {:.0} \
        USD a month from then on, and as much more after each further month. Lifecycle rules decide that figure, more \
        than anything else here. The records of a month are {:.0} GB, {:.0} USD a month for as long as they are kept \
        (`record_days`).\n",
        model.input_gb() * days / 1000.0,
        model.result_gb() * days / 1000.0,
        (model.input_gb() + model.result_gb()) * days * month,
        model.record_gb() * days,
        model.record_gb() * days * model.price("dynamodb_gib_month"),
    )?;
    Ok(())
}

fn write_levers(page: &mut String, model: &Model) -> Result<()> {
    let (load, days) = (&model.load, model.load.days_a_month);
    let on_demand = model.fargate(1.0);
    let spot = model.fargate(load.fargate_spot_share);
    let objects = |kind: &str| load.kinds.get(kind).map_or(0.0, Kind::objects);
    let kept = model.input_gb() * days;
    let transitions = model.objects() * days * model.price("s3_glacier_ir_transition");
    let job = |kind: &str| load.kinds.get(kind).map_or(0.0, |kind| model.kind_compute(kind, &spot)) * days;
    let video_gb = load.kinds.get("video").map_or(0.0, |kind| kind.gb_a_day);
    let lambda = |price: &str| {
        let parts = model.control(model.price(price));
        parts.iter().filter(|(part, _)| part.contains("Lambda")).map(|(_, usd)| usd).sum::<f64>()
    };
    page.push_str(
        "## The levers\n\nA month each, everything else as above.\n\n\
        | lever | without | with | saved |\n| --- | ---: | ---: | ---: |\n",
    );
    let levers = [
        ("Spot instead of on-demand (Fargate)", model.compute(&on_demand) * days, model.compute(&spot) * days),
        (
            "arm64 instead of x86 for jobs (Fargate on-demand)",
            model.compute(&on_demand) * days,
            model.compute(&model.fargate_arm(1.0)) * days,
        ),
        (
            "EC2 Spot, disks included, instead of Fargate on-demand",
            model.compute(&on_demand) * days,
            model.compute(&model.ec2(load.ec2_spot_share)) * days,
        ),
        ("arm64 for the functions", lambda("lambda_gib_second") * days, lambda("lambda_arm_gib_second") * days),
        (
            "Packing short work into one container (Fargate Spot)",
            model.compute_unpacked(&spot) * days,
            model.compute(&spot) * days,
        ),
        (
            "arm64 instead of x86 for jobs (Fargate Spot)",
            model.compute(&spot) * days,
            model.compute(&model.fargate_arm(load.fargate_spot_share)) * days,
        ),
        (
            "Provisioned capacity of the tables instead of capacity on demand",
            model.tables_on_demand() * days,
            model.tables_provisioned() * days,
        ),
        (
            "Results told of by their jobs instead of by events of S3 (EventBridge)",
            model.outputs() * model.price("eventbridge_s3_event") * days,
            0.0,
        ),
        ("S3 gateway endpoint instead of a NAT gateway, if every byte is read", kept * model.price("nat_gib"), 0.0),
        (
            "Reading only the key frames' ranges of videos (through a NAT gateway, where there is no endpoint)",
            video_gb * days * model.price("nat_gib"),
            video_gb * days * model.price("nat_gib") * load.kinds.get("video").map_or(1.0, |kind| kind.bytes_read),
        ),
        (
            "Uploads of a month in Glacier Instant Retrieval after 30 days, for each month kept",
            kept * model.price("s3_gib_month"),
            kept * model.price("s3_glacier_ir_gib_month") + transitions,
        ),
        (
            "Text by document-job instead of Textract",
            objects("document") * load.compared.pages_a_document * model.price("textract_page") * days,
            job("document"),
        ),
        (
            "Images by image-job instead of a Rekognition call each",
            objects("image") * model.price("rekognition_image") * days,
            job("image"),
        ),
        (
            "Key frames by video-job instead of MediaConvert's frame capture over every minute",
            video_gb * load.compared.video_minutes_a_gb * model.price("mediaconvert_minute") * days,
            job("video"),
        ),
        (
            "Transcoding by video-job instead of MediaConvert, were every video transcoded to one AVC in HD",
            video_gb * load.compared.video_minutes_a_gb * model.price("mediaconvert_minute") * days,
            model.transcode(&spot) * days,
        ),
        (
            "Captions by video-job instead of Transcribe, were every minute of video spoken",
            video_gb * load.compared.video_minutes_a_gb * model.price("transcribe_minute") * days,
            model.caption(&spot) * days,
        ),
    ];
    for (lever, without, with) in levers {
        let saved = if without > 0.0 { (without - with) / without * 100.0 } else { 0.0 };
        writeln!(page, "| {lever} | {without:.0} | {with:.0} | {:.0} ({saved:.0} %) |", without - with)?;
    }
    writeln!(
        page,
        "\nTextract also reads scans, and Rekognition says what is on a picture: they are the right tool for that. The \
        comparison is with their price for work that needs neither ({} pages a document, {} minutes of video a GB).\n",
        load.compared.pages_a_document, load.compared.video_minutes_a_gb
    )?;
    Ok(())
}

fn write_operations(page: &mut String, model: &Model) -> Result<()> {
    page.push_str(
        "## Operation by operation\n\nWork alone, packed into containers that are kept busy: the start of a container is in the tables above. \
        CPU seconds are measured ([benchmarks.md](benchmarks.md)).\n\n\
        | kind | operation | measured on | CPU seconds each | of | Fargate Spot, USD | Fargate, USD | managed, USD |\n\
        | --- | --- | --- | ---: | --- | ---: | ---: | ---: |\n",
    );
    for work in &model.load.operations {
        let each = work.each();
        let usd = |machine: &Machine| {
            let hour = model.container_hour(work.vcpus, work.gib, machine);
            work.per * each / model.load.utilisation / work.vcpus / 3600.0 * hour
        };
        let managed = work.managed.as_ref().map_or_else(
            || "–".to_owned(),
            |managed| format!("{:.2} ({})", work.per * managed.units * model.price(&managed.price), managed.service),
        );
        writeln!(
            page,
            "| {} | {} | {} | {each:.3} | {} | {:.2} | {:.2} | {managed} |",
            work.kind,
            work.operation,
            work.of,
            work.unit,
            usd(&model.fargate(model.load.fargate_spot_share)),
            usd(&model.fargate(1.0)),
        )?;
    }
    page.push('\n');
    Ok(())
}

/// GiB of a function with one vCPU: 1,769 MB.
const FUNCTION_GIB: f64 = 1769.0 / 1024.0;

/// Requests of SQS for one message of the fast path: it is sent, received and deleted.
const FAST_QUEUE_REQUESTS: f64 = 3.0;

fn write_fast_path(page: &mut String, model: &Model) -> Result<()> {
    page.push_str(
        "## The fast path\n\nMillionths of a US dollar for one object of the kinds whose usual operation takes it, storage, events and records \
        aside: by a function of 1,769 MB for as long as the operation's declaration expects, in a container of Batch on Fargate Spot that it shares, and in \
        a container of its own.\n\n\
        | kind | MB | seconds expected | function, x86 | function, arm64 | Batch, packed | Batch, alone |\n\
        | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let spot = model.fargate(model.load.fargate_spot_share);
    let most = std::time::Duration::from_secs(10);
    for (name, kind) in &model.load.kinds {
        let of_kind: MediaKind = name.parse()?;
        let bytes = (kind.object_mb * 1e6) as u64;
        let operations = Operations::parse_for(of_kind, &usual_option(kind)).context("the usual operation")?;
        let Ok(expected) = catalog::fast_path(&operations, usual_format(of_kind), bytes, most) else { continue };
        let requests = model.price("lambda_request") + FAST_QUEUE_REQUESTS * model.price("sqs_request");
        let function = |price: &str| expected.as_secs_f64() * FUNCTION_GIB * model.price(price) + requests;
        let batch = |kind: &Kind| model.kind_compute(kind, &spot) / kind.objects();
        writeln!(
            page,
            "| {name} | {} | {:.2} | {:.1} | {:.1} | {:.1} | {:.1} |",
            kind.object_mb,
            expected.as_secs_f64(),
            function("lambda_gib_second") * 1e6,
            function("lambda_arm_gib_second") * 1e6,
            batch(kind) * 1e6,
            batch(&kind.unpacked()) * 1e6
        )?;
    }
    page.push_str(
        "\nAt rest functions cost nothing but the polling of their queues; a warm worker of 1 vCPU and 2 GiB on Fargate Spot costs ",
    );
    let hours = 24.0 * model.load.days_a_month;
    writeln!(
        page,
        "{:.1} USD a month.\n",
        hours * (spot.vcpu_hour + 2.0 * spot.gib_hour + model.price("public_ipv4_hour"))
    )?;
    Ok(())
}

/// The operation of the load as it is usually asked for.
fn usual_option(kind: &Kind) -> String {
    if kind.operation == "resize" { "resize?width=800".to_owned() } else { kind.operation.clone() }
}

/// The format that most objects of a kind have.
const fn usual_format(kind: MediaKind) -> Format {
    match kind {
        MediaKind::Document => Format::Pdf,
        MediaKind::Image => Format::Jpeg,
        MediaKind::Model => Format::Glb,
        MediaKind::Video => Format::Mp4,
    }
}

fn write_idle(page: &mut String, model: &Model) -> Result<()> {
    page.push_str("## Left idle\n\n| part | USD a month |\n| --- | ---: |\n");
    let idle = model.idle();
    for (part, usd) in &idle {
        writeln!(page, "| {part} | {usd:.2} |")?;
    }
    let total: f64 = idle.iter().map(|(_, usd)| usd).sum();
    let endpoints = |count: f64| count * 3.0 * 24.0 * model.load.days_a_month * model.price("endpoint_hour");
    writeln!(
        page,
        "| **Sum** | **{total:.2}** |\n\nAnd what lies in the buckets. With `network = {{ private = true }}` interface \
        endpoints in three zones cost by the hour, used or not: the four that Fargate needs {:.0} USD a month, the seven \
        of EC2 {:.0}.\n",
        endpoints(4.0),
        endpoints(7.0)
    )?;
    Ok(())
}

fn write_prices(page: &mut String, model: &Model) -> Result<()> {
    page.push_str("## The prices\n\n| price | USD | unit | source | compared with | on |\n| --- | ---: | --- | --- | --- | --- |\n");
    for (name, price) in &model.prices.prices {
        let Price { usd, unit, source, compared, seen } = price;
        writeln!(page, "| {name} | {usd} | {unit} | <{source}> | {compared} | {seen} |")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_prices_and_the_load_say() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
        let written = fs_err::read_to_string(path).unwrap();
        assert_eq!(written, page().unwrap(), "docs/cost.md is stale: cargo run -p benches --bin bench-cost");
    }

    #[test]
    fn the_load_is_five_terabytes_a_day_of_the_four_kinds() {
        let load: Load = toml::from_str(LOAD).unwrap();
        let kinds: Vec<&str> = load.kinds.keys().map(String::as_str).collect();
        assert_eq!(kinds, MediaKind::ALL.map(MediaKind::name));
        let gigabytes: f64 = load.kinds.values().map(|kind| kind.gb_a_day).sum();
        assert!((gigabytes - 5000.0).abs() < 1e-9);
        for (name, kind) in &load.kinds {
            assert!(["measured", "assumed"].contains(&kind.basis.as_str()), "{name}");
            assert!(
                name.parse()
                    .is_ok_and(|of| catalog::Declaration::of_kind(of).any(|declared| declared.name == kind.operation)),
                "{name} has no operation {}",
                kind.operation
            );
        }
    }

    #[test]
    fn each_operation_that_was_measured_is_declared() {
        let load: Load = toml::from_str(LOAD).unwrap();
        for work in &load.operations {
            let name = work.operation.split('?').next().unwrap_or_default();
            let kind: MediaKind = work.kind.parse().unwrap();
            assert!(catalog::Declaration::of_kind(kind).any(|declared| declared.name == name), "{}", work.operation);
            assert!(Operations::parse_for(kind, &work.operation).is_ok(), "{}", work.operation);
            assert!(work.count > 0.0 && work.cpu_seconds > 0.0 && work.per > 0.0, "{}", work.operation);
        }
    }

    #[test]
    fn a_day_costs_at_most_45_dollars() {
        let model = Model { load: toml::from_str(LOAD).unwrap(), prices: toml::from_str(PRICES).unwrap() };
        let parts = model.running();
        let total: f64 = parts.iter().map(|(_, usd)| usd).sum();
        assert!(total <= 45.0, "{total}: {parts:?}");
    }

    #[test]
    fn a_nat_gateway_for_every_byte_costs_what_the_documents_say() {
        let model = Model { load: toml::from_str(LOAD).unwrap(), prices: toml::from_str(PRICES).unwrap() };
        let month = model.input_gb() * model.load.days_a_month * model.price("nat_gib");
        assert!((month - 6750.0).abs() < 0.5, "{month}");
    }

    #[test]
    fn every_price_has_a_source_and_a_date() {
        let prices: PriceList = toml::from_str(PRICES).unwrap();
        for (name, price) in prices.prices {
            assert!(price.usd > 0.0 && price.source.starts_with("https://aws.amazon.com/"), "{name}");
            assert!(!price.compared.is_empty() && price.seen.len() == 10 && price.seen.starts_with("20"), "{name}");
        }
    }
}
