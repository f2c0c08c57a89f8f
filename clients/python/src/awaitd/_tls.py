"""Who vouches for a server at `https://…`, and who asks it: as the environment says, to commands as well."""

import os
import ssl

CA_VARIABLE = "AWAITD_TLS_CA"
CLIENT_VARIABLE = "AWAITD_TLS_CLIENT"


def context() -> ssl.SSLContext | None:
    """With nobody who vouches but the certificates in the one file, and with the certificate and its key in the other;
    none if nothing is said: then whom the system trusts vouches for it."""
    authorities, own = os.environ.get(CA_VARIABLE), os.environ.get(CLIENT_VARIABLE)
    if not authorities and not own:
        return None
    made = ssl.create_default_context(cafile=authorities or None)
    if own:
        made.load_cert_chain(own)
    return made
