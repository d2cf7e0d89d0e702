//! What work used of what is paid for, and what that costs by the prices that the installation is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// What one operation on one object used: its share of the container for as long as it was worked on. The start of the container, what
/// it waits at its end and the control plane are not in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Usage {
    /// Seconds of a virtual CPU.
    pub vcpu_seconds: f64,
    /// Seconds of a GiB of memory.
    pub gib_seconds: f64,
    /// Bytes read of the input.
    pub bytes_read: u64,
    /// Bytes of outputs, the manifest aside.
    pub bytes_written: u64,
    /// Requests that read.
    pub reads: u64,
    /// Requests that wrote an object, the manifest included; an upload in parts counts as one.
    pub writes: u64,
    /// What managed services bill for; absent where none was asked.
    #[serde(default, skip_serializing_if = "ManagedUnits::is_none")]
    pub managed: ManagedUnits,
    /// US dollars by the installation's prices; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimated_cost: Option<f64>,
}

/// What managed services bill for, in the units of their price lists.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ManagedUnits {
    /// Pages that Textract read.
    #[serde(skip_serializing_if = "is_zero")]
    pub textract_pages: u64,
    /// Pictures that Rekognition looked at, once for each kind of question.
    #[serde(skip_serializing_if = "is_zero")]
    pub rekognition_images: u64,
    /// Units of 100 characters that Comprehend read, three at least for each question.
    #[serde(skip_serializing_if = "is_zero")]
    pub comprehend_units: u64,
    /// Seconds of MediaConvert's outputs as its basic tier counts them: of high definition twice, of more four times.
    #[serde(skip_serializing_if = "is_zero")]
    pub mediaconvert_seconds: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl ManagedUnits {
    /// Whether nothing is billed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            textract_pages: self.textract_pages + other.textract_pages,
            rekognition_images: self.rekognition_images + other.rekognition_images,
            comprehend_units: self.comprehend_units + other.comprehend_units,
            mediaconvert_seconds: self.mediaconvert_seconds + other.mediaconvert_seconds,
        }
    }

    /// US dollars, at the prices of the first step of each price list.
    pub fn cost(self) -> f64 {
        self.textract_pages as f64 * Prices::TEXTRACT_PAGE
            + self.rekognition_images as f64 * Prices::REKOGNITION_IMAGE
            + self.comprehend_units as f64 * Prices::COMPREHEND_UNIT
            + self.mediaconvert_seconds as f64 * Prices::MEDIACONVERT_MINUTE / 60.0
    }
}

/// What is paid, US dollars. Requests cost the same wherever work is done.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// For a virtual CPU and an hour.
    pub vcpu_hour: f64,
    /// For a GiB of memory and an hour.
    pub gib_hour: f64,
}

impl Prices {
    /// S3 Standard in us-east-1: docs/cost/prices-us-east-1.toml has the source; a test compares.
    pub const READ: f64 = 0.000_000_4;
    /// As [`Prices::READ`].
    pub const WRITE: f64 = 0.000_005;
    /// `DetectDocumentText`, as [`Prices::READ`].
    pub const TEXTRACT_PAGE: f64 = 0.0015;
    /// As [`Prices::READ`].
    pub const REKOGNITION_IMAGE: f64 = 0.001;
    /// As [`Prices::READ`].
    pub const COMPREHEND_UNIT: f64 = 0.0001;
    /// A minute of standard definition by the basic tier, half of one in high definition; as [`Prices::READ`].
    pub const MEDIACONVERT_MINUTE: f64 = 0.0075;
}

/// The part of a container that work has.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Portion {
    /// Virtual CPUs.
    pub vcpus: f64,
    /// Bytes of memory.
    pub memory: f64,
}

impl Usage {
    /// What work of so many milliseconds used in its portion of a container.
    pub fn of(portion: Portion, milliseconds: u64) -> Self {
        let seconds = milliseconds as f64 / 1000.0;
        Self {
            vcpu_seconds: rounded(portion.vcpus * seconds),
            gib_seconds: rounded(portion.memory / GIB * seconds),
            ..Self::default()
        }
    }

    /// With what it costs.
    #[must_use]
    pub fn priced(self, prices: Option<&Prices>) -> Self {
        let cost = prices.map(|prices| {
            (self.vcpu_seconds * prices.vcpu_hour + self.gib_seconds * prices.gib_hour) / 3600.0
                + self.reads as f64 * Prices::READ
                + self.writes as f64 * Prices::WRITE
                + self.managed.cost()
        });
        Self { estimated_cost: cost, ..self }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            vcpu_seconds: rounded(self.vcpu_seconds + other.vcpu_seconds),
            gib_seconds: rounded(self.gib_seconds + other.gib_seconds),
            bytes_read: self.bytes_read + other.bytes_read,
            bytes_written: self.bytes_written + other.bytes_written,
            reads: self.reads + other.reads,
            writes: self.writes + other.writes,
            managed: self.managed.and(other.managed),
            estimated_cost: match (self.estimated_cost, other.estimated_cost) {
                (None, cost) | (cost, None) => cost,
                (Some(one), Some(more)) => Some(one + more),
            },
        }
    }
}

/// Thousandths are as exact as the milliseconds that it is made of.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_a_container_costs_what_the_price_says() {
        let portion = Portion { vcpus: 2.0, memory: 4.0 * GIB };
        let prices = Prices { vcpu_hour: 0.04, gib_hour: 0.004 };
        let usage = Usage { reads: 1000, writes: 100, ..Usage::of(portion, 3_600_000) };
        assert_eq!((usage.vcpu_seconds, usage.gib_seconds), (7200.0, 14_400.0));
        let cost = usage.priced(Some(&prices)).estimated_cost.unwrap();
        assert!((cost - (0.08 + 0.016 + 0.0004 + 0.0005)).abs() < 1e-12, "{cost}");
        assert_eq!(usage.priced(None).estimated_cost, None);
    }

    #[test]
    fn what_a_service_bills_is_part_of_the_cost_and_absent_where_nothing_is() {
        let managed =
            ManagedUnits { textract_pages: 3, rekognition_images: 2, comprehend_units: 30, mediaconvert_seconds: 120 };
        let usage = Usage { managed, ..Usage::default() };
        let prices = Prices { vcpu_hour: 0.04, gib_hour: 0.004 };
        let cost = usage.priced(Some(&prices)).estimated_cost.unwrap();
        assert!((cost - (0.0045 + 0.002 + 0.003 + 0.015)).abs() < 1e-12, "{cost}");
        assert_eq!(usage.and(&usage).managed.textract_pages, 6);
        let text = serde_json::to_string(&Usage::default()).unwrap();
        assert!(!text.contains("managed"), "{text}");
        let read: Usage = serde_json::from_str(&serde_json::to_string(&usage).unwrap()).unwrap();
        assert_eq!(read, usage);
    }

    #[test]
    fn parts_are_added_up() {
        let part = Usage {
            reads: 1,
            bytes_written: 5,
            estimated_cost: Some(0.25),
            ..Usage::of(Portion { vcpus: 1.0, memory: GIB }, 1500)
        };
        let both = part.and(&part).and(&Usage::default());
        assert_eq!((both.vcpu_seconds, both.reads, both.bytes_written), (3.0, 2, 10));
        assert_eq!(both.estimated_cost, Some(0.5));
    }
}
