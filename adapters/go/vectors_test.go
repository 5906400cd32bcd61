// Every case of the embedded vectors, answered. SPDX-License-Identifier: Apache-2.0
package main

import (
	"encoding/json"
	"reflect"
	"strings"
	test "testing"

	"owamp-vectors/vectors"
)

// asJSON gives a value as JSON has it, to be compared.
func asJSON(t *test.T, value any) (found any) {
	text, err := json.Marshal(value)
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// allowed tells whether an answer is one of the outcomes of a case.
func allowed(t *test.T, response object, one map[string]any, members map[string]member) bool {
	outcomes := []any{one}
	if others, ok := one["alternatives"].([]any); ok {
		outcomes = append(outcomes, others...)
	}
	for _, item := range outcomes {
		outcome := item.(map[string]any)
		if response["outputs"] == nil {
			if outcome["result"] == "invalid" || outcome["refused"] == true {
				return true
			}
			continue
		}
		same := outcome["result"] != "invalid" && outcome["refused"] == nil
		for name, value := range asJSON(t, response["outputs"]).(map[string]any) {
			if members[name].Role == "output" {
				same = same && reflect.DeepEqual(value, outcome[name])
			}
		}
		if same {
			return true
		}
	}
	return false
}

// member tells whether a value is a parameter, an input or an output.
type member struct {
	Role string `json:"x-role"`
}

// schema is what is read of a schema: which members of a case are its inputs.
type schema struct {
	Defs map[string]struct {
		Properties struct {
			Tests struct {
				Items struct {
					Properties map[string]member
				}
			}
		}
	} `json:"$defs"`
}

func load(t *test.T, name string, value any) {
	text, err := vectors.Files.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(text, value)
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func TestVectors(t *test.T) {
	entries, err := vectors.Files.ReadDir("schema")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		var about schema
		load(t, "schema/"+entry.Name(), &about)
		var file struct{ TestGroups []map[string]any }
		load(t, strings.Replace(entry.Name(), ".schema", "", 1), &file)
		for _, group := range file.TestGroups {
			kind := group["type"].(string)
			for _, item := range group["tests"].([]any) {
				one := item.(map[string]any)
				inputs, members := object{}, about.Defs[kind].Properties.Tests.Items.Properties
				for name, value := range one {
					if members[name].Role == "input" {
						inputs[name] = value
					}
				}
				response := answer(kind, object(group).with(inputs))
				if response["unsupported"] != nil || !allowed(t, response, one, members) {
					t.Errorf("%s tcId %v: %v", entry.Name(), one["tcId"], response["refused"])
				}
			}
		}
	}
}
