package mock

// table lists every endpoint of the mock.
func table() routes {
	t := make(routes)
	t.inference(
		"chat/completions",
		route{parse: parseChat, render: renderChat, object: "chat.completion", unnamed: true, errorEvent: openAIErrorEvent},
	)
	t.inference("completions", route{parse: parseCompletions, render: renderCompletions, unnamed: true, errorEvent: openAIErrorEvent})
	t.add(
		"POST",
		"responses",
		route{parse: parseResponses, render: renderResponses, object: "response", errorEvent: responsesErrorEvent, handle: respond},
	)
	t.inference("messages", route{dialect: anthropicDialect, parse: parseMessages, render: renderMessages, errorEvent: anthropicErrorEvent})
	t.add("POST", "messages/count_tokens", route{dialect: anthropicDialect, parse: parseCount, handle: countMessages})
	t.add("POST", "responses/input_tokens", route{parse: parseResponses, handle: countResponse})
	t.add("POST", "embeddings", route{parse: parseEmbeddings, handle: embed})
	t.add("POST", "moderations", route{parse: parseModerations, handle: moderate})
	t.add("GET", "models", route{dialect: sharedDialect, handle: listModels})
	t.add("GET", "models/*", route{dialect: sharedDialect, handle: getModel})
	t.storedResponses()
	t.filesAndBatches()
	t.media()
	t.resources()
	t.admin()
	return t
}

// inference adds an endpoint that composes a response.
func (t routes) inference(path string, r route) {
	r.handle = (*call).infer
	t.add("POST", path, r)
}

func (t routes) storedResponses() {
	t.add("GET", "responses/*", route{handle: getResponse})
	t.add("DELETE", "responses/*", route{handle: deleteResponse})
	t.add("POST", "responses/*/cancel", route{handle: cancelResponse})
	t.add("GET", "responses/*/input_items", route{handle: listInputItems})
	t.add("GET", "chat/completions", route{handle: listStoredChats})
	t.add("GET", "chat/completions/*", route{handle: getStoredChat})
	t.add("DELETE", "chat/completions/*", route{handle: deleteStoredChat})
	t.add("GET", "chat/completions/*/messages", route{handle: storedChatMessages})
}

func (t routes) filesAndBatches() {
	t.add("POST", "files", route{dialect: sharedDialect, body: streamBody, handle: uploadFile})
	t.add("GET", "files", route{dialect: sharedDialect, handle: listFiles})
	t.add("GET", "files/*", route{dialect: sharedDialect, handle: getFile})
	t.add("DELETE", "files/*", route{dialect: sharedDialect, handle: deleteFile})
	t.add("GET", "files/*/content", route{dialect: sharedDialect, handle: fileContent})
	t.add("POST", "uploads", route{handle: createUpload})
	t.add("POST", "uploads/*/parts", route{body: streamBody, handle: addPart})
	t.add("POST", "uploads/*/complete", route{handle: completeUpload})
	t.add("POST", "uploads/*/cancel", route{handle: cancelUpload})
	t.add("POST", "batches", route{handle: createBatch})
	t.add("GET", "batches", route{handle: listBatches})
	t.add("GET", "batches/*", route{handle: getBatch})
	t.add("POST", "batches/*/cancel", route{handle: cancelBatch})
	t.add("POST", "messages/batches", route{dialect: anthropicDialect, handle: createMessageBatch})
	t.add("GET", "messages/batches", route{dialect: anthropicDialect, handle: listMessageBatches})
	t.add("GET", "messages/batches/*", route{dialect: anthropicDialect, handle: getMessageBatch})
	t.add("DELETE", "messages/batches/*", route{dialect: anthropicDialect, handle: deleteMessageBatch})
	t.add("POST", "messages/batches/*/cancel", route{dialect: anthropicDialect, handle: cancelMessageBatch})
	t.add("GET", "messages/batches/*/results", route{dialect: anthropicDialect, handle: messageBatchResults})
}

func (t routes) media() {
	t.add("POST", "images/generations", route{handle: generateImages, errorEvent: openAIErrorEvent})
	t.add("POST", "images/edits", route{body: streamBody, handle: editImages, errorEvent: openAIErrorEvent})
	t.add("POST", "images/variations", route{body: streamBody, handle: editImages, errorEvent: openAIErrorEvent})
	t.add("POST", "audio/speech", route{handle: speech, errorEvent: openAIErrorEvent})
	t.add("POST", "audio/transcriptions", route{body: streamBody, handle: transcribe, errorEvent: openAIErrorEvent})
	t.add("POST", "audio/translations", route{body: streamBody, handle: transcribe, errorEvent: openAIErrorEvent})
	t.add("GET", "realtime", route{body: streamBody, handle: realtime})
	t.add("POST", "realtime/calls", route{handle: realtimeCall})
	t.add("POST", "realtime/client_secrets", route{handle: realtimeSecret})
}
