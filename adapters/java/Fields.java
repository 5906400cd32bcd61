// SPDX-License-Identifier: Apache-2.0
import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;

/** Values by name: a case's inputs or outputs, or the fields of a message or a packet. */
@SuppressWarnings("serial")
final class Fields extends LinkedHashMap<String, Object> {
    static Fields of(Object... namesAndValues) {
        return new Fields().with(namesAndValues);
    }

    /** These, with others besides or in their place. */
    Fields with(Object... namesAndValues) {
        Fields others = new Fields();
        for (int i = 0; i < namesAndValues.length; i += 2) {
            others.put((String) namesAndValues[i], namesAndValues[i + 1]);
        }
        return with(others);
    }

    Fields with(Fields others) {
        Fields all = new Fields();
        all.putAll(this);
        all.putAll(others);
        return all;
    }

    String text(String name) {
        return (String) get(name);
    }

    long number(String name) {
        Number number = (Number) get(name);
        boolean fits = !(number instanceof BigInteger big) || big.bitLength() < 64;
        Refused.unless(fits, name + ": out of range");
        return number.longValue();
    }

    boolean flag(String name) {
        return (Boolean) get(name);
    }

    byte[] octets(String name) {
        return toOctets(get(name));
    }

    byte[] sized(String name, int size) {
        return Octets.sized(name, octets(name), size);
    }

    List<byte[]> octetStrings(String name) { // none, if there is no such list
        if (!containsKey(name)) {
            return List.of();
        }
        return ((List<?>) get(name)).stream().map(Fields::toOctets).toList();
    }

    List<Fields> records(String name) {
        return ((List<?>) get(name)).stream().map(Fields.class::cast).toList();
    }

    private static byte[] toOctets(Object value) { // JSON has hex
        return value instanceof byte[] octets ? octets : Octets.ofHex((String) value);
    }
}
