// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import javax.crypto.Cipher;
import javax.crypto.Mac;

/** One direction of a control connection: a CBC stream, and HMACs over the text since the last. */
final class ControlStream {
    static final Map<String, UnaryOperator<Fields>> TYPES = Map.of(
            "ControlSend", ControlStream::controlSend,
            "ControlReceive", ControlStream::controlReceive);

    private final Cipher cipher; // none in the unauthenticated mode, and before T1 is known
    private final Mac mac;

    private ControlStream(Cipher cipher, Mac mac) {
        this.cipher = cipher;
        this.mac = mac;
    }

    static ControlStream open() {
        return new ControlStream(null, null);
    }

    static ControlStream sending(byte[] t1, byte[] t2, byte[] iv) {
        return of(Cipher.ENCRYPT_MODE, t1, t2, iv);
    }

    static ControlStream receiving(byte[] t1, byte[] t2, byte[] iv) {
        return of(Cipher.DECRYPT_MODE, t1, t2, iv);
    }

    private static ControlStream of(int mode, byte[] t1, byte[] t2, byte[] iv) {
        Mac mac = Primitives.mac("HmacSHA1", Octets.sized("T2", t2, 32));
        return new ControlStream(Primitives.cipher(mode, t1, iv), mac);
    }

    private byte[] crypt(byte[] octets) {
        return cipher == null ? octets : Primitives.update(cipher, octets);
    }

    private void cover(byte[] text) {
        if (mac != null) {
            mac.update(text);
        }
    }

    private byte[] hmac() {
        return mac == null ? Primitives.ZEROS : Octets.first(16, mac.doFinal());
    }

    /** What goes on the wire for a text. */
    byte[] write(byte[] text) {
        cover(text);
        return crypt(text);
    }

    /** An HMAC, and what goes on the wire for it. */
    record Tag(byte[] plaintext, byte[] octets) {}

    Tag writeHmac() {
        byte[] tag = hmac();
        return new Tag(tag, crypt(tag));
    }

    byte[] read(byte[] octets) {
        byte[] text = crypt(octets);
        cover(text);
        return text;
    }

    /** Refuses another HMAC; in the unauthenticated mode the field is not used. */
    void check(byte[] octets) {
        boolean isSame = mac == null || Octets.equal(crypt(octets), hmac());
        Refused.unless(isSame, "HMAC: another", "HMAC");
    }

    private static Fields controlSend(Fields v) {
        ControlStream stream = sending(v.octets("t1"), v.octets("t2"), v.octets("iv"));
        List<byte[]> hmacs = new ArrayList<>();
        List<byte[]> plaintext = new ArrayList<>();
        List<byte[]> wire = new ArrayList<>();
        for (Fields segment : v.records("segments")) {
            byte[] text = segment.octets("text");
            plaintext.add(text);
            wire.add(stream.write(text));
            if (segment.flag("hmacAfter")) {
                Tag tag = stream.writeHmac();
                hmacs.add(tag.plaintext());
                plaintext.add(tag.plaintext());
                wire.add(tag.octets());
            }
        }
        return Fields.of("hmacs", hmacs, "plaintext", Octets.join(plaintext),
                "wire", Octets.join(wire));
    }

    private static Fields controlReceive(Fields v) {
        ControlStream stream = receiving(v.octets("t1"), v.octets("t2"), v.octets("iv"));
        byte[] wire = v.octets("wire");
        List<byte[]> texts = new ArrayList<>();
        int at = 0;
        for (Fields part : v.records("layout")) {
            long end = at + part.number("size");
            Refused.unless(at <= end && end <= wire.length, "control stream: another size");
            long next = end + (part.flag("hmacAfter") ? 16 : 0);
            Refused.unless(next <= wire.length, "control stream: too short");
            texts.add(stream.read(Octets.part(wire, at, (int) end)));
            at = (int) next;
            if (next > end) {
                stream.check(Octets.part(wire, (int) end, at));
            }
        }
        Refused.unless(at == wire.length, "control stream: another size");
        return Fields.of("texts", texts);
    }
}
