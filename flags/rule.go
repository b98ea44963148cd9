package flags

import (
	"encoding/json"
	"errors"

	"github.com/open-feature/go-sdk/openfeature"
)

// rule is compiled targeting.
type rule func(fc openfeature.FlattenedContext) any

func (r rule) variant(key string, fc openfeature.FlattenedContext) (string, error) {
	return "", errors.New("rules are not supported")
}

// evaluators are flagd's shared rules, by name.
type evaluators map[string]json.RawMessage

func parseEvaluators(raw string) (evaluators, error) {
	var e evaluators
	if err := json.Unmarshal([]byte(raw), &e); err != nil {
		return nil, jsonError(err)
	}
	return e, nil
}

func compileRule(key string, raw json.RawMessage, shared evaluators) (rule, bool, error) {
	return nil, false, errors.New("rules are not supported")
}
