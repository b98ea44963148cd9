package compare

import "cutover/exchange"

// description is the severity of a code and its sentence, in which {arm} is the
// side that a finding is about, and {other} the other side.
type description struct {
	severity Severity
	sentence string
}

// describeOutcome describes failed calls.
func describeOutcome(c exchange.Class) description {
	switch c {
	case exchange.ClassRateLimited:
		return description{Major, "The {arm} rate-limited the request; the {other} responded."}
	case exchange.ClassBadRequest:
		return description{Critical, "The {arm} rejected a request that the {other} accepted; API versions or parameters may differ."}
	case exchange.ClassAuth:
		return description{Critical, "The {arm} did not accept its credentials; the {other} responded."}
	case exchange.ClassPayment:
		return description{Critical, "The {arm}'s account can't pay for the request; the {other} responded."}
	case exchange.ClassNotFound:
		return description{Critical, "The {arm} does not know a model or path that the {other} serves."}
	case exchange.ClassUnfinished:
		return description{Major, "The {arm}'s stream ended without the final event of its API; the {other}'s was complete."}
	case exchange.ClassErrorEvent:
		return description{Critical, "The {arm} sent an error inside a successful response; the {other} responded."}
	case exchange.ClassMalformed:
		return description{Critical, "The {arm}'s response can't be parsed as its API requires; the {other}'s can."}
	case exchange.ClassEmpty:
		return description{Critical, "The {arm} responded with no content; the {other} responded with some."}
	case exchange.ClassBroken:
		return description{Critical, "The {arm}'s connection broke during the response; the {other}'s did not."}
	case exchange.ClassOverloaded:
		return description{Critical, "The {arm} was overloaded; the {other} responded."}
	case exchange.ClassServer:
		return description{Critical, "The {arm} had an internal error; the {other} responded."}
	case exchange.ClassConnect, exchange.ClassTLS:
		return description{Critical, "The {arm} could not be reached; the {other} responded."}
	case exchange.ClassHeaderTimeout, exchange.ClassFirstToken, exchange.ClassIdle, exchange.ClassTimeout:
		return description{Critical, "The {arm} timed out; the {other} responded in time."}
	}
	return description{Critical, "The {arm} failed; the {other} responded."}
}

// describeFault describes faults in the form of a response, as exchange names
// them.
func describeFault(fault string) description {
	switch fault {
	case "utf8":
		return description{Major, "The {arm}'s response is not valid UTF-8."}
	case "json":
		return description{Critical, "The {arm}'s response contains JSON that can't be parsed."}
	case "encoding":
		return description{Critical, "The {arm}'s response can't be decoded by its own Content-Encoding."}
	case "too_large":
		return description{Info, "The {arm}'s response is larger than what cutover inspects; callers got all of it."}
	case "content_type":
		return description{Major, "The {arm}'s Content-Type does not match its response."}
	case "encoding_unknown":
		return description{Major, "The {arm}'s response has a Content-Encoding that cutover can't decode; callers may not be able to either."}
	case "shape":
		return description{Major, "The {arm}'s response is JSON, but not of the shape that its API requires."}
	case "base64":
		return description{Major, "The {arm}'s embedding is not valid base64."}
	case "no_done":
		return description{Major, "The {arm}'s stream lacks the final event of its API; the {other}'s has it."}
	case "broken_after_done":
		return description{Minor, "The {arm}'s connection broke after the last event."}
	case "streamed":
		return description{Critical, "The {arm} streamed a response that was not to be streamed; no SDK can read it."}
	case "finish_reason":
		return description{Minor, "The {arm} ends with a finish reason that no API documents."}
	case "order":
		return description{Major, "The {arm}'s events come in an order that the API does not allow; callers' SDKs may fail on it."}
	case "event_after_done":
		return description{Minor, "The {arm}'s stream continues after its final event."}
	}
	return description{Major, "The {arm}'s response breaks a rule of the API that the {other}'s keeps."}
}

// describeContents describes faults in the contents of a response.
func describeContents(code string) description {
	switch code {
	case CodeRefusal:
		return description{Major, "The {arm} refused the request; the {other} did not."}
	case CodeEmpty:
		return description{Critical, "The {arm}'s response is empty; the {other}'s is not."}
	case CodeTruncated:
		return description{Major, "The {arm} stopped at a token limit; the {other} finished."}
	case CodeCutOff:
		return description{Major, "The {arm}'s text ends in the middle of a sentence; the {other}'s does not."}
	case CodeLoop:
		return description{Major, "The {arm}'s text ends in a repetition loop."}
	case CodeLanguage:
		return description{Major, "The {arm} responded in another language or script than the request's; the {other} did not."}
	case CodeShort:
		return description{Minor, "The {arm}'s text is less than a quarter as long as the {other}'s."}
	case CodeToolNotCalled:
		return description{Major, "The {arm} called no tool; the {other} called one."}
	case CodeToolUnknown:
		return description{Critical, "The {arm} called a tool that the request does not offer."}
	case CodeToolJSON:
		return description{Critical, "The {arm} called a tool with arguments that are not valid JSON."}
	case CodeToolSchema:
		return description{Critical, "The {arm} called a tool with arguments that violate the request's schema."}
	case CodeToolChoice:
		return description{Minor, "The two sides called different tools."}
	case CodeToolArguments:
		return description{Minor, "Both sides called the same tools, with different arguments."}
	case CodeJSONInvalid:
		return description{Critical, "The {arm}'s response is not valid JSON although JSON was requested."}
	case CodeJSONSchema:
		return description{Critical, "The {arm}'s response violates the requested schema."}
	case CodeEmbeddingSize:
		return description{Critical, "The two sides' embeddings differ in number or dimension and can't be mixed."}
	case CodeEmbeddingDistance:
		return description{Critical, "The two sides' embeddings of the same text point in different directions and can't be mixed in one index."}
	case CodeUsageInput:
		return description{Major, "The {arm} counts more input tokens than the {other} for the same request."}
	case CodeUsageOutput:
		return description{Major, "The {arm} counts more output tokens per byte of text than the {other}."}
	case CodeUsageBilled:
		return description{Major, "The {arm} bills more output tokens than an independent count finds in its response."}
	case CodeModelName:
		return description{Minor, "The {arm}'s response names another model than the requested one."}
	case CodeSlowFirst:
		return description{Info, "The {arm} took over three times as long as the {other} to its first token, and half a second more."}
	case CodeSlowTotal:
		return description{Info, "The {arm} took over three times as long as the {other} to its end, and two seconds more."}
	case CodeIncomplete:
		return description{Info, "Comparing this pair took too long; what was found until then is kept."}
	case CodeCost:
		return description{Info, "This response cost more from the {arm} than from the {other}."}
	}
	return description{Info, "The {arm} differs from the {other}."}
}
