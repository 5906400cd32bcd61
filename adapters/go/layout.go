// SPDX-License-Identifier: Apache-2.0
package main

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// A layout is the fields of a message, record or packet: "#count:4" is an integer, "sid:16" octets,
// "-:2" is sent as zeros and ignored, "=3:1" is a constant.
type layout struct {
	fields []field
	size   int
}

type field struct {
	name string
	size int
}

func layoutOf(text string) (l layout) {
	for _, part := range strings.Fields(text) {
		name, digits, _ := strings.Cut(part, ":")
		size, err := strconv.Atoi(digits)
		if err != nil {
			panic(err)
		}
		l.fields = append(l.fields, field{name, size})
		l.size += size
	}
	return l
}

func integer(number, size int) octets {
	return binary.BigEndian.AppendUint64(nil, uint64(number))[8-size:]
}

func (l layout) pack(values object) (out octets) {
	for _, f := range l.fields {
		switch f.name[0] {
		case '-':
			out = append(out, make(octets, f.size)...)
		case '=':
			out = append(out, f.name[1]-'0')
		case '#':
			number := values.number(f.name[1:])
			need(number >= 0 && number < 1<<(8*f.size), f.name[1:]+": out of range")
			out = append(out, integer(number, f.size)...)
		default:
			out = append(out, values.sized(f.name, f.size)...)
		}
	}
	return out
}

func (l layout) unpack(text octets) object {
	found := object{}
	for _, f := range l.fields {
		part := text[:f.size]
		text = text[f.size:]
		switch f.name[0] {
		case '-':
		case '=':
			need(part[0] == f.name[1]-'0', "Command Number: another")
		case '#':
			found[f.name[1:]] = int(binary.BigEndian.Uint64(join(noIV[:8-f.size], part)))
		default:
			found[f.name] = part
		}
	}
	return found
}

func (l layout) packAll(items []object) (out octets) {
	for _, item := range items {
		out = append(out, l.pack(item)...)
	}
	return out
}

func (l layout) unpackAll(text octets) []object {
	found := []object{}
	for ; len(text) >= l.size; text = text[l.size:] {
		found = append(found, l.unpack(text[:l.size]))
	}
	return found
}
