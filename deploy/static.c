/* Part of the static program where the C library is glibc.
 *
 * To look up a name, glibc loads what the machine's /etc/nsswitch.conf says, made for the machine's own
 * glibc. In a program that has another glibc in itself, that ends in a crash. "files" and "dns" are
 * part of the program. */
#include <nss.h>

__attribute__((constructor)) static void choose_lookups(void)
{
	__nss_configure_lookup("hosts", "files dns");
}
