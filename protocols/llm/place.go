package llm

// A place is where in a document something stands, as far as that matters. The
// names are those of the providers' references: Anthropic's Messages, OpenAI's
// Chat Completions, Responses and Realtime, Google's generateContent and Interactions,
// Amazon's Converse, and of OpenRouter, DeepSeek and Ollama what they add.
type place uint8

const (
	placeNone place = iota

	// Objects and arrays, which hold other places
	placeRoot
	placeMessage    // of Anthropic's message_start
	placeResponse   // of an event of OpenAI's Responses or Realtime, or of Google's Interactions
	placeUsage      // usage of each of these three
	placeMetadata   // usageMetadata of Google
	placeInput      // prompt_tokens_details, input_tokens_details
	placeOutput     // completion_tokens_details, output_tokens_details
	placeCreation   // cache_creation
	placeAnswer     // what the model says, in any shape
	placeModalities // promptTokensDetails of Google
	placeWrites     // cacheDetails of Amazon
	placeMetrics    // amazon-bedrock-invocationMetrics
	lastContainer

	// Words
	placeModel
	placeType
	placeObject
	placeProvider
	placeTier
	placeFinish
	placeModality
	placeLife
	placeSaid   // text of the model
	placePacked // another document

	// Numbers
	placeNumbers // the first of fields
)

// holds reports whether there is something of interest within.
func (p place) holds() bool { return p > placeNone && p < lastContainer }

// A number is one that an answer states.
type number uint8

const (
	numInput      number = iota // the prompt; with what the cache had, but for Anthropic and Amazon
	numOutput                   // with the reasoning, but for Google
	numCached                   // part of numInput
	numCacheIn                  // written to a cache, part of numInput
	numRead                     // not part of numInput
	numWrite                    // not part of numInput
	numWriteShort               // part of numWrite
	numWriteLong                // part of numWrite
	numReasoning                // part of numOutput
	numThoughts                 // not part of numOutput
	numToolPrompt               // not part of numInput
	numAudioIn
	numAudioOut
	numModality // of placeModality
	numWritten  // of placeWrites
	numCost     // billionths of a dollar
	numbers
)

func (n number) place() place { return placeNumbers + place(n) }

// contentOf says what becomes of a string at a place.
func contentOf(p place) content {
	switch {
	case p == placeSaid || p == placeAnswer:
		return isText
	case p == placePacked:
		return isPacked
	case p > lastContainer && p < placeNumbers:
		return isWord
	}
	return isNothing
}

// at gives the place of a key within p.
func (p place) at(key []byte) place {
	switch p {
	case placeRoot, placeMessage, placeResponse:
		return top(p, key)
	case placeUsage, placeMetadata:
		return usage(key)
	case placeModalities:
		switch string(key) {
		case "modality":
			return placeModality
		case "tokenCount", "tokens":
			return numModality.place()
		}
	case placeWrites:
		switch string(key) {
		case "ttl":
			return placeLife
		case "inputTokens":
			return numWritten.place()
		}
	case placeMetrics:
		switch string(key) {
		case "inputTokenCount":
			return numInput.place()
		case "outputTokenCount":
			return numOutput.place()
		}
	case placeInput:
		switch string(key) {
		case "cached_tokens":
			return numCached.place()
		case "cache_write_tokens":
			return numCacheIn.place()
		case "audio_tokens":
			return numAudioIn.place()
		}
	case placeOutput:
		switch string(key) {
		case "reasoning_tokens":
			return numReasoning.place()
		case "audio_tokens":
			return numAudioOut.place()
		}
	case placeCreation:
		switch string(key) {
		case "ephemeral_5m_input_tokens":
			return numWriteShort.place()
		case "ephemeral_1h_input_tokens":
			return numWriteLong.place()
		}
	case placeAnswer:
		return answer(key)
	}
	return placeNone
}

// top is a key of a whole answer, or of the object in an event that stands for it.
func top(p place, key []byte) place {
	switch string(key) {
	case "usage":
		return placeUsage
	case "usageMetadata":
		return placeMetadata
	case "model", "modelVersion":
		return placeModel
	case "type":
		return placeType
	case "object":
		return placeObject
	case "service_tier":
		return placeTier
	}
	if p != placeRoot {
		return placeNone
	}
	switch string(key) {
	case "message":
		return placeMessage
	case "response", "interaction", "session":
		return placeResponse
	case "choices", "candidates", "steps":
		return placeAnswer
	case "delta": // an object of Anthropic's, a text of OpenAI's
		return placeAnswer
	case "provider":
		return placeProvider
	case "bytes":
		return placePacked
	case "amazon-bedrock-invocationMetrics":
		return placeMetrics
	case "prompt_eval_count":
		return numInput.place()
	case "eval_count":
		return numOutput.place()
	}
	return placeNone
}

// usage is a key of usage or usageMetadata.
func usage(key []byte) place {
	switch string(key) {
	case "input_tokens", "prompt_tokens", "promptTokenCount", "inputTokens", "total_input_tokens":
		return numInput.place()
	case "output_tokens", "completion_tokens", "candidatesTokenCount", "outputTokens", "total_output_tokens":
		return numOutput.place()
	case "cache_read_input_tokens", "cacheReadInputTokens":
		return numRead.place()
	case "cache_creation_input_tokens", "cacheWriteInputTokens":
		return numWrite.place()
	case "cache_creation":
		return placeCreation
	case "cacheDetails":
		return placeWrites
	case "cachedContentTokenCount", "prompt_cache_hit_tokens", "total_cached_tokens":
		return numCached.place()
	case "thoughtsTokenCount", "total_thought_tokens":
		return numThoughts.place()
	case "toolUsePromptTokenCount", "total_tool_use_tokens":
		return numToolPrompt.place()
	case "prompt_tokens_details", "input_tokens_details", "input_token_details":
		return placeInput
	case "completion_tokens_details", "output_tokens_details", "output_token_details":
		return placeOutput
	case "promptTokensDetails", "candidatesTokensDetails", "input_tokens_by_modality", "output_tokens_by_modality":
		return placeModalities
	case "service_tier", "serviceTier", "trafficType":
		return placeTier
	case "cost":
		return numCost.place()
	}
	return placeNone
}

// answer is a key of what the model says: it counts what would be words, and finds
// the end.
func answer(key []byte) place {
	switch string(key) {
	case "message", "delta", "content", "parts", "tool_calls", "function", "function_call", "choices":
		return placeAnswer
	case "text", "arguments", "partial_json", "thinking", "reasoning", "reasoning_content", "refusal":
		return placeSaid
	case "finishReason":
		return placeFinish
	}
	return placeNone
}
