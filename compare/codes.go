package compare

import (
	"strings"

	"cutover/exchange"
)

// The codes of findings. A code that ends in a dot is completed by the class of
// the failure or the name of the fault. The sentences are in descriptions.go.
const (
	codeOutcome     = "outcome."
	codeConformance = "conformance."

	CodeOutcomeOther      = "outcome.other"         // both failed, in different ways
	CodeUnknownModel      = "outcome.unknown_model" // whatever the class; see findOutcome
	CodeNoFinish          = "conformance.no_finish"
	CodeNoUsage           = "conformance.no_usage"
	CodeNoID              = "conformance.no_id"
	CodeNotStreamed       = "conformance.not_streamed"
	CodeStructureMissing  = "structure.missing"
	CodeStructureType     = "structure.type"
	CodeStructureValue    = "structure.value"
	CodeRefusal           = "text.refusal"
	CodeEmpty             = "text.empty"
	CodeTruncated         = "text.truncated"
	CodeCutOff            = "text.cut_off"
	CodeLoop              = "text.loop"
	CodeLanguage          = "text.language"
	CodeShort             = "text.short"
	CodeToolNotCalled     = "tools.not_called"
	CodeToolUnknown       = "tools.unknown"
	CodeToolJSON          = "tools.json"
	CodeToolSchema        = "tools.schema"
	CodeToolChoice        = "tools.choice"
	CodeToolArguments     = "tools.arguments"
	CodeJSONInvalid       = "json.invalid"
	CodeJSONSchema        = "json.schema"
	CodeEmbeddingSize     = "embedding.size"
	CodeEmbeddingDistance = "embedding.distance"
	CodeUsageInput        = "usage.input"
	CodeUsageOutput       = "usage.output"
	CodeUsageBilled       = "usage.billed"
	CodeModelName         = "model.name"
	CodeSlowFirst         = "latency.first_token"
	CodeSlowTotal         = "latency.total"
	CodeCost              = "cost.higher"
	CodeIncomplete        = "comparison.incomplete"
)

// The arms' names in findings.
const (
	armPrimary = "primary"
	armRelay   = "relay"
)

// hardFault reports whether a finding is of a kind that breaks callers' programs
// or disturbs readers, and that does not depend on how the model happens to
// respond. Failed calls are counted separately.
func hardFault(code string) bool {
	switch code {
	case CodeToolNotCalled, CodeCutOff, CodeShort, CodeUsageInput, CodeUsageOutput, CodeUsageBilled:
		return false
	}
	return !strings.HasPrefix(code, codeOutcome) && describe(code).severity >= Major
}

// newFinding makes a finding with its sentence. arm is "primary", "relay" or "".
func newFinding(code, arm, path string) Finding {
	d := describe(code)
	other := ""
	switch arm {
	case armPrimary:
		other = armRelay
	case armRelay:
		other = armPrimary
	}
	sentence := strings.ReplaceAll(strings.ReplaceAll(d.sentence, "{arm}", arm), "{other}", other)
	severity := d.severity
	if arm == armPrimary {
		// A fault of the primary alone is no reason against the relay, but shows
		// how often such faults happen anyway.
		severity = Info
	}
	return Finding{Code: code, Severity: severity, Arm: arm, Path: path, Sentence: sentence}
}

// describe returns the description of a code; any code has one.
func describe(code string) description {
	switch code {
	case CodeUnknownModel:
		return description{Critical, "The {arm} does not have the requested model; the {other} responded. " +
			"Correct the entry under upstreams.{arm}.models that the name is mapped by, or add one."}
	case CodeOutcomeOther:
		return description{Minor, "Both calls failed, in different ways."}
	case CodeNoFinish:
		return description{Major, "The {arm}'s response gives no finish reason; the {other}'s does."}
	case CodeNoUsage:
		return description{Minor, "The {arm} does not report token usage; the {other} does."}
	case CodeNoID:
		return description{Minor, "The {arm}'s response has no id; the {other}'s has one."}
	case CodeNotStreamed:
		return description{Critical, "The {arm} did not stream its response although a stream was requested."}
	case CodeStructureMissing:
		return description{Minor, "The {arm}'s response lacks a field that the {other}'s has."}
	case CodeStructureType:
		return description{Major, "A field has a different JSON type in the two responses."}
	case CodeStructureValue:
		return description{Major, "A field that should be equal has different values in the two responses."}
	}
	if class, ok := strings.CutPrefix(code, codeOutcome); ok {
		return describeOutcome(exchange.Class(class))
	}
	if fault, ok := strings.CutPrefix(code, codeConformance); ok {
		return describeFault(fault)
	}
	return describeContents(code)
}
