// SPDX-License-Identifier: Apache-2.0

/** The inputs are refused; an endpoint to which it happens closes the connection. */
@SuppressWarnings("serial")
final class Refused extends RuntimeException {
    Refused(String reason) {
        super(reason);
    }

    static void unless(boolean condition, String reason) {
        if (!condition) {
            throw new Refused(reason);
        }
    }
}
