// SPDX-License-Identifier: Apache-2.0

/** The inputs are refused; an endpoint to which it happens closes the connection. */
@SuppressWarnings("serial")
final class Refused extends RuntimeException {
    final String stage; // in the words of vectors/README.md, or null

    Refused(String reason, String stage) {
        super(reason);
        this.stage = stage;
    }

    Refused(String reason) {
        this(reason, null);
    }

    static void unless(boolean condition, String reason) {
        unless(condition, reason, null);
    }

    static void unless(boolean condition, String reason, String stage) {
        if (!condition) {
            throw new Refused(reason, stage);
        }
    }
}
