// SPDX-License-Identifier: Apache-2.0
package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
)

// refused is the panic by which a case, or a connection, ends because a rule is broken.
type refused string

func need(condition bool, reason string) {
	if !condition {
		panic(refused(reason))
	}
}

// octets are hex in JSON.
type octets []byte

func (o octets) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(o)) }

func join(parts ...octets) octets {
	all := octets{}
	for _, part := range parts {
		all = append(all, part...)
	}
	return all
}

// object is a record of values: what a case gives, with octets in hex and numbers as float64, what
// it asks for, and the fields of messages and packets.
type object map[string]any

// with gives the values of o and more; what is in both is taken from more.
func (o object) with(more object) object {
	all := object{}
	for _, part := range []object{o, more} {
		for name, value := range part {
			all[name] = value
		}
	}
	return all
}

func get[T any](o object, name string) T {
	value, ok := o[name].(T)
	need(ok, name+": missing, or of another type")
	return value
}

func (o object) text(name string) string { return get[string](o, name) }
func (o object) flag(name string) bool   { return get[bool](o, name) }

func (o object) number(name string) int {
	if number, ok := o[name].(float64); ok {
		need(number == math.Trunc(number) && math.Abs(number) < 1<<53, name+": not an integer")
		return int(number)
	}
	return get[int](o, name)
}

func octetsOf(value any, name string) octets {
	if text, ok := value.(string); ok {
		decoded, err := hex.DecodeString(text)
		need(err == nil, name+": not hex")
		return decoded
	}
	found, ok := value.(octets)
	need(ok, name+": missing, or of another type")
	return found
}

func (o object) octets(name string) octets { return octetsOf(o[name], name) }

func (o object) sized(name string, size int) octets {
	value := o.octets(name)
	need(len(value) == size, fmt.Sprintf("%s: expected %d octets, found %d", name, size, len(value)))
	return value
}

// allOctets and objects are the lists that a case gives.
func (o object) allOctets(name string) (all []octets) {
	for _, item := range get[[]any](o, name) {
		all = append(all, octetsOf(item, name))
	}
	return all
}

func (o object) objects(name string) (all []object) {
	for _, item := range get[[]any](o, name) {
		record, ok := item.(map[string]any)
		need(ok, name+": not a list of records")
		all = append(all, record)
	}
	return all
}
