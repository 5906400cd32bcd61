// SPDX-License-Identifier: Apache-2.0
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * What a reader waits for, and what it then does, until it has its result. So a reader does not
 * care in what pieces octets come, and need not hold up whoever has them.
 */
record Want(long size, boolean isHmac, Function<byte[], Want> then, Fields result) {
    static Want octets(long size, Function<byte[], Want> then) {
        return new Want(size, false, then, null);
    }

    static Want hmac(Supplier<Want> then) {
        return new Want(16, true, tag -> then.get(), null);
    }

    static Want nothing(Fields result) {
        return new Want(0, false, null, result);
    }

    boolean isOver() {
        return then == null;
    }
}
