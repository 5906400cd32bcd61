// O/TWAMP over Go's standard library, for `owamp-vectors conform`.
// An example and a cross-check, not for production. SPDX-License-Identifier: Apache-2.0
package main

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"strings"
)

// types gives for each type of group how its cases are answered.
type types map[string]func(object) object

var allTypes = []types{
	tokenTypes, ikeTypes, packetTypes, streamTypes, messageTypes, meaningTypes, handshakeTypes,
	behaviourTypes, attackTypes, traceTypes,
}

// stages are where a case is refused, by what its reason begins with.
var stages = map[string]string{
	"Count": "Count", "HMAC": "HMAC", "KeyID": "text", "Mode": "negotiation",
	"Token": "Challenge", "passphrase": "text", "test packet": "layout",
}

func answer(kind string, v object) (response object) {
	defer func() {
		if problem := recover(); problem != nil {
			reason := string(problem.(refused))
			response = object{"refused": reason}
			field, _, _ := strings.Cut(reason, ":")
			if stage, ok := stages[field]; ok {
				response["stage"] = stage
			}
		}
	}()
	for _, table := range allTypes {
		if outputs := table[kind]; outputs != nil {
			return object{"outputs": outputs(v)}
		}
	}
	return object{"unsupported": true}
}

func main() {
	input, output := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		line, err := input.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var question struct {
			ID                 int64
			Type               string
			Parameters, Inputs object
		}
		if err := json.Unmarshal(line, &question); err != nil {
			panic(err)
		}
		response := answer(question.Type, question.Parameters.with(question.Inputs))
		response["id"] = question.ID
		if err := output.Encode(response); err != nil {
			panic(err)
		}
	}
}
