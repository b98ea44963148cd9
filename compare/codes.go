package compare

import (
	"strings"

	"cutover/exchange"
)

// The codes of findings. A code that ends in a dot is completed by the class of
// the failure or the name of the fault.
const (
	codeOutcome     = "outcome."
	codeConformance = "conformance."

	CodeOutcomeOther      = "outcome.other"         // both failed, in different ways
	CodeUnknownModel      = "outcome.unknown-model" // whatever the class; see checkUnknownModel
	CodeNoFinish          = "conformance.no-finish"
	CodeNoUsage           = "conformance.no-usage"
	CodeNoID              = "conformance.no-id"
	CodeNotStreamed       = "conformance.not-streamed"
	CodeStructureMissing  = "structure.missing"
	CodeStructureType     = "structure.type"
	CodeStructureValue    = "structure.value"
	CodeRefusal           = "text.refusal"
	CodeEmpty             = "text.empty"
	CodeTruncated         = "text.truncated"
	CodeCutOff            = "text.cut-off"
	CodeLoop              = "text.loop"
	CodeLanguage          = "text.language"
	CodeShort             = "text.short"
	CodeToolNotCalled     = "tools.not-called"
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
	CodeSlowFirst         = "latency.first-token"
	CodeSlowTotal         = "latency.total"
	CodeCost              = "cost.higher"
)

// description is what is said about a code. In the sentence {arm} is the side
// that a finding is about, and {other} the other one.
type description struct {
	severity Severity
	sentence string
}

// describe returns the description of a code; any code has one.
func describe(code string) description {
	switch code {
	case CodeUnknownModel:
		return description{Critical, "The {arm} does not have the model that it was asked for; the {other} answered. Correct what upstreams.{arm}.models maps the name to, or map it where nothing does."}
	case CodeOutcomeOther:
		return description{Minor, "Both calls failed, in different ways."}
	case CodeNoFinish:
		return description{Major, "The {arm}'s answer gives no finish reason where the {other}'s does."}
	case CodeNoUsage:
		return description{Minor, "The {arm} does not say how many tokens it used where the {other} does."}
	case CodeNoID:
		return description{Minor, "The {arm}'s answer has no id where the {other}'s has one."}
	case CodeNotStreamed:
		return description{Critical, "The {arm} answered in one piece where a stream was asked for."}
	case CodeStructureMissing:
		return description{Minor, "The {arm}'s answer lacks a field that the {other}'s has."}
	case CodeStructureType:
		return description{Major, "A field has another JSON type in the two answers."}
	case CodeStructureValue:
		return description{Major, "A field that should agree has another value in the two answers."}
	}
	if class, ok := strings.CutPrefix(code, codeOutcome); ok {
		return describeOutcome(exchange.Class(class))
	}
	if fault, ok := strings.CutPrefix(code, codeConformance); ok {
		return describeFault(fault)
	}
	return describeContents(code)
}

// describeOutcome words failed calls.
func describeOutcome(c exchange.Class) description {
	switch c {
	case exchange.ClassRateLimited:
		return description{Major, "The {arm} limited the rate where the {other} answered."}
	case exchange.ClassBadRequest:
		return description{Critical, "The {arm} rejected a request that the {other} answered; versions or parameters may differ."}
	case exchange.ClassAuth:
		return description{Critical, "The {arm} did not accept its credentials; the {other} answered."}
	case exchange.ClassPayment:
		return description{Critical, "The {arm}'s account can't pay for the request; the {other} answered."}
	case exchange.ClassNotFound:
		return description{Critical, "The {arm} does not know the model or path that the {other} serves."}
	case exchange.ClassUnfinished:
		return description{Major, "The {arm}'s stream ended without its dialect's last event; the {other}'s was complete."}
	case exchange.ClassErrorEvent:
		return description{Critical, "The {arm} sent an error inside a successful answer; the {other} answered."}
	case exchange.ClassMalformed:
		return description{Critical, "The {arm}'s answer can't be read by the protocol's rules; the {other}'s can."}
	case exchange.ClassEmpty:
		return description{Critical, "The {arm} answered with nothing where the {other} said something."}
	case exchange.ClassBroken:
		return description{Critical, "The {arm}'s connection broke inside the answer; the {other}'s held."}
	case exchange.ClassOverloaded:
		return description{Critical, "The {arm} was overloaded where the {other} answered."}
	case exchange.ClassServer:
		return description{Critical, "The {arm} had an error of its own where the {other} answered."}
	case exchange.ClassConnect, exchange.ClassTLS:
		return description{Critical, "The {arm} could not be reached; the {other} answered."}
	case exchange.ClassHeaderTimeout, exchange.ClassFirstToken, exchange.ClassIdle, exchange.ClassTimeout:
		return description{Critical, "The {arm} took too long and was given up; the {other} answered in time."}
	}
	return description{Critical, "The {arm} failed where the {other} answered."}
}

// describeFault words faults in the form of an answer, as exchange names them.
func describeFault(fault string) description {
	switch fault {
	case "utf8":
		return description{Major, "The {arm}'s answer is not valid UTF-8."}
	case "json":
		return description{Critical, "The {arm}'s answer holds JSON that can't be parsed."}
	case "encoding":
		return description{Critical, "The {arm}'s answer can't be decoded by its own Content-Encoding."}
	case "too-large":
		return description{Info, "The {arm}'s answer is larger than what cutover looks at; it was passed on whole."}
	case "content-type":
		return description{Major, "The {arm}'s Content-Type does not say what its answer is."}
	case "encoding-unknown":
		return description{Major, "The {arm}'s answer has a Content-Encoding that cutover can't decode; callers may not either."}
	case "shape":
		return description{Major, "The {arm}'s answer is JSON of another shape than the protocol's."}
	case "base64":
		return description{Major, "The {arm}'s embedding is no valid base64."}
	case "broken-after-done":
		return description{Minor, "The {arm}'s connection broke after the last event."}
	case "order":
		return description{Major, "The {arm}'s events come in an order that the protocol does not allow; callers' libraries may stumble over it."}
	case "event-after-done":
		return description{Minor, "The {arm}'s stream goes on after its last event."}
	}
	return description{Major, "The {arm}'s answer breaks a rule of the protocol that the {other}'s keeps."}
}

// describeContents words what is wrong with what an answer says.
func describeContents(code string) description {
	switch code {
	case CodeRefusal:
		return description{Major, "The {arm} refused to answer where the {other} did not."}
	case CodeEmpty:
		return description{Critical, "The {arm}'s answer is empty where the {other}'s is not."}
	case CodeTruncated:
		return description{Major, "The {arm} stopped at a token limit where the {other} came to an end."}
	case CodeCutOff:
		return description{Major, "The {arm}'s text ends in the middle of a sentence where the {other}'s is whole."}
	case CodeLoop:
		return description{Major, "The {arm}'s text ends in a loop of repetitions."}
	case CodeLanguage:
		return description{Major, "The {arm} answered in another language or script than it was asked in; the {other} kept to it."}
	case CodeShort:
		return description{Minor, "The {arm}'s text is less than a quarter as long as the {other}'s."}
	case CodeToolNotCalled:
		return description{Major, "The {arm} called no tool where the {other} called one."}
	case CodeToolUnknown:
		return description{Critical, "The {arm} called a tool that the request does not offer."}
	case CodeToolJSON:
		return description{Critical, "The {arm} called a tool with arguments that are no valid JSON."}
	case CodeToolSchema:
		return description{Critical, "The {arm} called a tool with arguments that break the request's own schema."}
	case CodeToolChoice:
		return description{Minor, "The two sides called different tools."}
	case CodeToolArguments:
		return description{Minor, "Both sides called the same tools, with different arguments."}
	case CodeJSONInvalid:
		return description{Critical, "The {arm}'s answer is no valid JSON where JSON was asked for."}
	case CodeJSONSchema:
		return description{Critical, "The {arm}'s answer breaks the schema that the request asked for."}
	case CodeEmbeddingSize:
		return description{Critical, "The two sides' embeddings differ in number or dimension and can't be mixed."}
	case CodeEmbeddingDistance:
		return description{Critical, "The two sides' embeddings of the same text point in different directions and can't be mixed in one index."}
	case CodeUsageInput:
		return description{Major, "The {arm} counts more input tokens for the same request than the {other}."}
	case CodeUsageOutput:
		return description{Major, "The {arm} counts more output tokens for each byte of text than the {other}."}
	case CodeUsageBilled:
		return description{Major, "The {arm} bills more output tokens than an independent count finds in its answer."}
	case CodeModelName:
		return description{Minor, "The {arm} names another model in its answer than it was asked for."}
	case CodeSlowFirst:
		return description{Info, "The {arm} took over three times as long to its first token, and half a second more, than the {other}."}
	case CodeSlowTotal:
		return description{Info, "The {arm} took over three times as long to its end, and two seconds more, than the {other}."}
	case CodeCost:
		return description{Info, "This answer cost more from the {arm} than from the {other}."}
	}
	return description{Info, "The {arm} differs from the {other}."}
}

// hardFault reports whether a finding is of a kind that callers' programs or
// readers stumble over and that does not come and go with how the model happens
// to answer. Failed calls are counted apart.
func hardFault(code string) bool {
	switch code {
	case CodeToolNotCalled, CodeCutOff, CodeShort, CodeUsageInput, CodeUsageOutput, CodeUsageBilled:
		return false
	}
	return !strings.HasPrefix(code, codeOutcome) && describe(code).severity >= Major
}

// newFinding words a finding. arm is "primary", "relay" or "".
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
		// What is wrong with today's provider only is no reason against the
		// new one, but tells how often such things happen anyway.
		severity = Info
	}
	return Finding{Code: code, Severity: severity, Arm: arm, Path: path, Sentence: sentence}
}

const (
	armPrimary = "primary"
	armRelay   = "relay"
)
