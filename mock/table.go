package mock

// table lists every endpoint of the mock.
func table() routes {
	t := make(routes)
	t.inference("chat/completions", route{parse: parseChat, render: renderChat, unnamed: true, errorEvent: openAIErrorEvent})
	t.inference("completions", route{parse: parseCompletions, render: renderCompletions, unnamed: true, errorEvent: openAIErrorEvent})
	t.inference("responses", route{parse: parseResponses, render: renderResponses, errorEvent: responsesErrorEvent})
	t.inference("messages", route{dialect: anthropicDialect, parse: parseMessages, render: renderMessages, errorEvent: anthropicErrorEvent})
	t.add("POST", "messages/count_tokens", route{dialect: anthropicDialect, parse: parseCount, handle: countMessages})
	t.add("POST", "embeddings", route{parse: parseEmbeddings, handle: embed})
	t.add("GET", "models", route{dialect: sharedDialect, handle: listModels})
	t.add("GET", "models/*", route{dialect: sharedDialect, handle: getModel})
	return t
}

// inference adds an endpoint that composes an answer.
func (t routes) inference(path string, r route) {
	r.handle = (*call).infer
	t.add("POST", path, r)
}
