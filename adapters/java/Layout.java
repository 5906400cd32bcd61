// SPDX-License-Identifier: Apache-2.0
import java.math.BigInteger;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** The fields of a message or a packet, one after the other. */
final class Layout {
    private static final Pattern FIELD = Pattern.compile("(\\w*)([:*=])(\\d+)");

    /** An integer or octets by its name; a kind of `=` is one octet that is always `value`. */
    private record Field(String name, char kind, int size, int value) {
        static Field of(String name, char kind, int number) {
            return new Field(name, kind, kind == '=' ? 1 : number, number);
        }

        byte[] pack(Fields values) {
            if (kind == '=') {
                return new byte[] {(byte) value};
            }
            if (name.isEmpty()) {
                return new byte[size];
            }
            return kind == '*' ? values.sized(name, size) : integer(values.number(name));
        }

        private byte[] integer(long number) {
            Refused.unless(number >= 0 && number < 1L << 8 * size, name + ": out of range");
            byte[] octets = new byte[size];
            for (int i = 0; i < size; i++) {
                octets[i] = (byte) (number >> 8 * (size - 1 - i));
            }
            return octets;
        }

        void unpack(byte[] octets, Fields values) {
            if (kind == '=') {
                Refused.unless(octets[0] == value, "Command Number: expected " + value);
            } else if (!name.isEmpty()) {
                boolean isInteger = kind == ':';
                values.put(name, isInteger ? new BigInteger(1, octets).longValue() : octets);
            }
        }
    }

    private final List<Field> fields;

    private Layout(List<Field> fields) {
        this.fields = fields;
    }

    /** Of "name:4" for an integer, "name*16" for octets, "*12" for zeros, and "=5". */
    static Layout of(String text) {
        return new Layout(FIELD.matcher(text).results()
                .map(m -> Field.of(m.group(1), m.group(2).charAt(0), Integer.parseInt(m.group(3))))
                .toList());
    }

    int size() {
        return fields.stream().mapToInt(Field::size).sum();
    }

    byte[] pack(Fields values) {
        return Octets.join(fields.stream().map(field -> field.pack(values)).toList());
    }

    Fields unpack(byte[] octets) {
        Fields values = new Fields();
        int at = 0;
        for (Field field : fields) {
            field.unpack(Octets.part(octets, at, at += field.size()), values);
        }
        return values;
    }

    byte[] packAll(List<Fields> records) {
        return Octets.join(records.stream().map(this::pack).toList());
    }

    List<Fields> unpackAll(byte[] octets) {
        int size = size();
        return IntStream.range(0, octets.length / size)
                .mapToObj(i -> unpack(Octets.part(octets, i * size, (i + 1) * size))).toList();
    }
}
