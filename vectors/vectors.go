// Package vectors has the test vectors for the security of OWAMP and TWAMP, as they are in JSON.
// README.md says how to read a file, EXAMPLES.md has a complete test. SPDX-License-Identifier: CC0-1.0
package vectors

import "embed"

// Files has the vector files, as "token.json", and their schemas, as "schema/token.schema.json".
//
//go:embed *.json schema/*.json
var Files embed.FS

// Read gives a vector file by its name, as "token".
func Read(name string) ([]byte, error) { return Files.ReadFile(name + ".json") }
