/* Keys, signatures over "hello" and a certificate, made with OpenSSL for tests alone. */
#ifndef TESTS_UNIT_SAMPLE_KEYS_H
#define TESTS_UNIT_SAMPLE_KEYS_H

#define SAMPLE_RSA_PEM \
    "-----BEGIN PRIVATE KEY-----\n" \
    "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7apvLnI1erBK/\n" \
    "fqkli4v7E/NJ5qvGxLWisjt229iQzvUef5bRr31W+06EJXSNg4nrA46/GR6dH1sK\n" \
    "xdvDj9hpCTMjYxmsOSUIX3eZHbOFCRQdTI9R644jEjBx0VzCPZ7hWYScFquapk9f\n" \
    "HC/PwV3lxW1zWsPjzFPaM0WXbbcYtxR2ZjdPUI/tGIzK9qZrHtOQ9UBWyjM4F2gn\n" \
    "xeVH/5XUFNy+ih66FKrxCg0f01zv2H8Cu3453sbsTB4PZeKIh/zRwDMVI5rWYjLz\n" \
    "Yk0LcYypnAQgWks6h8zaVTXbmU4O4QNOUB/zvAn+uBiDMYXg0vKGCeJouMgOxsTV\n" \
    "5QBFITrHAgMBAAECggEAJNZYCAXd7aFR0Azjz0rl+TRbKgfqdJe+gduZf4vHvfLH\n" \
    "0DZQ3ScqsjmUHbpE9fnIVoas/JfB4i1DFlN8lixEY6TYxdhZN/ZFdqdZGSHy4q+9\n" \
    "oeKl+vqbRf5xwjVeD5nQDEgtngaAtVWCHVYreaDuxVZwZG+POEu1oZpZT+HTTsp6\n" \
    "rflvlMXlfptZlFQC6NiHBEaBdRwFU77pQPXSkCDkBbG+x3sKjVLIlDjczgNoLvE/\n" \
    "j+rwB4m7s/Y84sqdaO55tph+Ri1CyFrkaBsLwHcMKlVXCLZtKPz5Bi0XYkK4l85F\n" \
    "jOt8Mw9HFOFAO5Ds4j0FNiAYYp/Spcx4tDymlEJ32QKBgQD45T65EBCLB1cUNW8r\n" \
    "4og5KAn+JcLRv2ZVSLMPNU3dnZXU6KDm74Dg7uWRnRHcqg4r+LssB/ZmkrdbDV4n\n" \
    "BWGm/PSsLp7HJwDxOqqpbiYKDdEU0u7rS42BxycwsKDXHYHl/Mn0FTdTEqSKDwV2\n" \
    "07bsFte8uGmkieH4+7DHWMwHuQKBgQDAxB4ScHeXBuhjtqL4BwEv8RJVyNKgvkYd\n" \
    "YIcdifnEkALKzLkdEvrGexBR/2DNhhUUC/0VLxSZl3A8wxnSwN562qTGuwuCmVtM\n" \
    "pulinjka0mAEp8jr8ZkubKNK08iaMBrVCOz259HUqOCrELZUU6wPHb0IXvkNK0MV\n" \
    "/HVzYfuWfwKBgESp+cPUSrwQKlXI6AKTXEFoallS0YxL4U9l3wAzFGgvMUarZrhP\n" \
    "Gp7zSSIC0wqtX3uCAyECkVd64lqcNX1OXsJSxq05r1QBzqC+LpbPbG8ZoLS9/Gut\n" \
    "TDyhVI56K+Usnsl0E8Lil4Czg/ESc890WOKI6ruFpJ9f6pdl2D8moCMBAoGALpW2\n" \
    "psIjRI5YzvAuRj57HPjnc2/K5ynUi/jt7keP4t7irdv3yHzzuc+3y/kpjcGfim6z\n" \
    "RNFR6yRb7XNA5FvT6GC6fYRqba9eDxIvSLPwHPlGVxmtRsfmOv/qHoU773c8pMs5\n" \
    "aRnw7bG6Sd0KEyr9Y9HOAx3gljwkREX0pGPDh0UCgYEA2lVLNn+9M9NJQ9Ns62LJ\n" \
    "S9OOjIWFYvzn+o+7OOk8+24yD0xe1HNxXRLi+7yoHN7/8xmS+e93UzFsnLD/vG9J\n" \
    "9YONNPwNFFoZ28lBzM3RaBN+lI+IhLewv/9IWKSAhH2SwYiE62fwsPlQ/HCm/hPC\n" \
    "Dcq4B4foEdVbaYokSBueIDg=\n" \
    "-----END PRIVATE KEY-----\n"
#define SAMPLE_RSA_PUBLIC_PEM \
    "-----BEGIN PUBLIC KEY-----\n" \
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu2qby5yNXqwSv36pJYuL\n" \
    "+xPzSearxsS1orI7dtvYkM71Hn+W0a99VvtOhCV0jYOJ6wOOvxkenR9bCsXbw4/Y\n" \
    "aQkzI2MZrDklCF93mR2zhQkUHUyPUeuOIxIwcdFcwj2e4VmEnBarmqZPXxwvz8Fd\n" \
    "5cVtc1rD48xT2jNFl223GLcUdmY3T1CP7RiMyvamax7TkPVAVsozOBdoJ8XlR/+V\n" \
    "1BTcvooeuhSq8QoNH9Nc79h/Art+Od7G7EweD2XiiIf80cAzFSOa1mIy82JNC3GM\n" \
    "qZwEIFpLOofM2lU125lODuEDTlAf87wJ/rgYgzGF4NLyhgniaLjIDsbE1eUARSE6\n" \
    "xwIDAQAB\n" \
    "-----END PUBLIC KEY-----\n"
#define SAMPLE_RSA_MODULUS \
    "u2qby5yNXqwSv36pJYuL+xPzSearxsS1orI7dtvYkM71Hn+W0a99VvtOhCV0jYOJ6wOOvxkenR9bCsXbw4/YaQkzI2MZrDkl" \
    "CF93mR2zhQkUHUyPUeuOIxIwcdFcwj2e4VmEnBarmqZPXxwvz8Fd5cVtc1rD48xT2jNFl223GLcUdmY3T1CP7RiMyvamax7T" \
    "kPVAVsozOBdoJ8XlR/+V1BTcvooeuhSq8QoNH9Nc79h/Art+Od7G7EweD2XiiIf80cAzFSOa1mIy82JNC3GMqZwEIFpLOofM" \
    "2lU125lODuEDTlAf87wJ/rgYgzGF4NLyhgniaLjIDsbE1eUARSE6xw=="
#define SAMPLE_EC_PEM \
    "-----BEGIN EC PRIVATE KEY-----\n" \
    "MHcCAQEEIFmVVt4Mw7QPubivgeIrg32kd7oNpmvKMwiHA5h5z7mBoAoGCCqGSM49\n" \
    "AwEHoUQDQgAEkzlmbgTm7C75mgLMHby4Nrk5yqypMPm5Trlk815PUipWTFpMYJda\n" \
    "3OQ80yqSlhWMjtECgxF542caWT8jc8Ng2g==\n" \
    "-----END EC PRIVATE KEY-----\n"
/* RSA PKCS#1 1.5, RSA-PSS, ECDSA (r and s); SHA-256. */
#define SAMPLE_SIGNATURE \
    "fDH86FeRRbTQTFBrAbnyoPRZh6TyHJXvtp6tbkXp/VJHZVbMglIpuTHkC1XzoLyVVbVZ0rU2KCLw/OkJXqyil+4vCphua4G5" \
    "HMRiJ0trDT992INccov57TncC5I0N5eFpBTx+TE1WbXuXGJIvzcbDfNhU9N9Z1BpIsndhwlcSiTPWFkRF4m3ynSoZl2I2CYU" \
    "kYPA2iwZqHVkGB63bgJx2YM6o0jH+KwYM9Zv/iyuViKgPWCZORzNgdqc1D2jcOio4CJCZ67os3+ZkajUPcwx+sspzfZLcFA+" \
    "8uNCQIm2bcss/ILrI3h2sVur6H8cZAnYq/DwiHaL+CXW5oaFQWSeEg=="
#define SAMPLE_SIGNATURE_PSS \
    "uPN5M8AJAH6AOJY0pZ4zwP0otBdzWnZFOyYpuFF2Pn3nfCLNnejM7cK/x2IaOxDpY25ekWK968f+uT8gxsJEAiVM9YEQtKtp" \
    "LEZosZdQQlXVcnYOLXlc9wHqSr+PBdkhyxFdmPFglfAwTAP2/3n4/dUopaFu6RvBeCAUhbiR8/bkLHHvNxEDiMVFaJjn2mU9" \
    "GJkCjJXd4VrBRYOGbKQRgzkMJPbqjvrZwhr9B9rjJYOAaJieZ5JFlW+Yk4eZrds6M6yrkih7yMVoldTlyfplyHj6NoodEwH5" \
    "l70I4jZv5p+Yp5nj8lfTIvveUxXXIdv2BIVoT8z9J04QkT+EOZB0YA=="
#define SAMPLE_SIGNATURE_EC \
    "PaxlIt/vDcLHRGTyIXevW8F8Y9HukGV3i38LJG2Ehn/1CYANR9D9/ceBAjWrL7d4AUWdK8krot+XhwJPU/66sw=="
/* C=DE, ST=Bayern, O="Example, Inc.", OU=Ops, CN=www.example.org, emailAddress=a@example.org; serial 0102ABCDEF. */
#define SAMPLE_CERTIFICATE_PEM \
    "-----BEGIN CERTIFICATE-----\n" \
    "MIIEHTCCAwWgAwIBAgIFAQKrze8wDQYJKoZIhvcNAQELBQAwfDELMAkGA1UEBhMC\n" \
    "REUxDzANBgNVBAgMBkJheWVybjEWMBQGA1UECgwNRXhhbXBsZSwgSW5jLjEMMAoG\n" \
    "A1UECwwDT3BzMRgwFgYDVQQDDA93d3cuZXhhbXBsZS5vcmcxHDAaBgkqhkiG9w0B\n" \
    "CQEWDWFAZXhhbXBsZS5vcmcwIBcNMjYxMTI0MDQzMDM0WhgPMjA4MTA4MjcwNDMw\n" \
    "MzRaMHwxCzAJBgNVBAYTAkRFMQ8wDQYDVQQIDAZCYXllcm4xFjAUBgNVBAoMDUV4\n" \
    "YW1wbGUsIEluYy4xDDAKBgNVBAsMA09wczEYMBYGA1UEAwwPd3d3LmV4YW1wbGUu\n" \
    "b3JnMRwwGgYJKoZIhvcNAQkBFg1hQGV4YW1wbGUub3JnMIIBIjANBgkqhkiG9w0B\n" \
    "AQEFAAOCAQ8AMIIBCgKCAQEAu2qby5yNXqwSv36pJYuL+xPzSearxsS1orI7dtvY\n" \
    "kM71Hn+W0a99VvtOhCV0jYOJ6wOOvxkenR9bCsXbw4/YaQkzI2MZrDklCF93mR2z\n" \
    "hQkUHUyPUeuOIxIwcdFcwj2e4VmEnBarmqZPXxwvz8Fd5cVtc1rD48xT2jNFl223\n" \
    "GLcUdmY3T1CP7RiMyvamax7TkPVAVsozOBdoJ8XlR/+V1BTcvooeuhSq8QoNH9Nc\n" \
    "79h/Art+Od7G7EweD2XiiIf80cAzFSOa1mIy82JNC3GMqZwEIFpLOofM2lU125lO\n" \
    "DuEDTlAf87wJ/rgYgzGF4NLyhgniaLjIDsbE1eUARSE6xwIDAQABo4GjMIGgMB0G\n" \
    "A1UdDgQWBBQ8uJn6/NSGUR10HvHkvCV75JNJ1TAfBgNVHSMEGDAWgBQ8uJn6/NSG\n" \
    "UR10HvHkvCV75JNJ1TAPBgNVHRMBAf8EBTADAQH/ME0GA1UdEQRGMESCD3d3dy5l\n" \
    "eGFtcGxlLm9yZ4ILZXhhbXBsZS5vcmeBDWJAZXhhbXBsZS5vcmeGFWh0dHBzOi8v\n" \
    "ZXhhbXBsZS5vcmcveDANBgkqhkiG9w0BAQsFAAOCAQEAlG8wpRZv80+r5ueU13qj\n" \
    "b2TIWAMc3M5yvxng6KkzGwWDmRP8GfwhAyEupUUn1E9UC6hIa22eEIHophD2D/6B\n" \
    "Z7GPRsiJGplWcqt/i7YKtEz74e3K6GYBnN6z8ioTM4nauTs7nCgg0hq7ZhKihOtx\n" \
    "zhkJPPG+Xr7g4KfYjNrc9725RmWVz1+6DrtYbSgFcwx83IpWaeSxYz3T2p2vJ2Az\n" \
    "eUMz6XuZPSDRlf6L0iJ9N0rzTAYf6dAWlusgUtNS6B8E4D8qmbhgWdJUe4CfxKec\n" \
    "mxh95q2qZBaKR8X4H7KQumm21z7GI7WOUElHYNJf5qDtiyElLz6W3NS8ETUqYQIR\n" \
    "ow==\n" \
    "-----END CERTIFICATE-----\n"

#endif
