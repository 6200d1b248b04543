/* Tokens and keys for tests alone, made with OpenSSL by way of Python. One payload:
 * {"iss":"https://idp.example/","aud":["api://a","api://b"],"sub":"s","nbf":1000000000,"iat":1000000000,"exp":2000000000,
 * "roles":["r1","r2"],"scope":"x y z","n":5,"f":1.5,"ok":true,"none":null,"o":{"a":1},"tid":"t-1"}
 * Numbers of the RSA key; the key set has five keys for signatures first and then some that are passed over. */
#ifndef TESTS_UNIT_POLICY_JWT_SAMPLES_H
#define TESTS_UNIT_POLICY_JWT_SAMPLES_H

#define SAMPLE_JWK_N \
    "sTHJ1kKL2JfoErT_G84EMuKTHNb_CT0CW4KdBfoWCLHqe6ZcB9zEu71lbjsb5EIqOSoTP_JlJhAxHokGlYsNankA-akJAxjm" \
    "btVobvu5jQHDjeqEVALapqq5eFRqhHpA07xVYbDaoA71eE4wbwICUAV5fsNOpCODav9Bd_wvSi27C3QDcTkaMhCaZDrfNAyK" \
    "9AI2nvy6-FXyhyN7Oy-7l73qwcR8muk1TSbH0icnvaz3752Gc73xDzlgf80BAG453qZkZ-ldmnRcIE59SCbJny4LrwAnhOHb" \
    "6Kg2klU6fahPTGUFlAXcKpUqBExiyXK9r_ZWtlHQFDk4fUOBpJix4Q"
#define SAMPLE_JWK_E "AQAB"
#define SAMPLE_SECRET_BASE64 "YSBzZWNyZXQgb2YgbW9yZSB0aGFuIDMyIGJ5dGVzLCBmb3IgdGVzdHMgYWxvbmU="
#define SAMPLE_CERTIFICATE_BASE64 \
    "MIIBDzCBtaADAgECAgEBMAoGCCqGSM49BAMCMBExDzANBgNVBAMMBnNpZ25lcjAeFw0yNDAxMDEwMDAwMDBaFw0zMzEyMjkw" \
    "MDAwMDBaMBExDzANBgNVBAMMBnNpZ25lcjBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABJCyEe6nHNMmKPrX0OGCruEAWUil" \
    "rmp4T7K2hhyxNMVkfUFfg7I1BdMBQMDBiRZUZkJSYcP0HtW0F03ZooQYw64wCgYIKoZIzj0EAwIDSQAwRgIhAMHMaBt+YSkE" \
    "T4ge9g6VKDqGaweZ3Xz2iD3QlxY9IBazAiEA/beicHD8QNoOC8jD2ZW71ynQyLL863OZ70e91AWkAwM="
#define SAMPLE_KEY_SET \
    "{\"keys\":[{\"kty\":\"RSA\",\"use\":\"sig\",\"kid\":\"rsa\",\"n\":\"sTHJ1kKL2JfoErT_G84EMuKTHNb_CT0CW4KdBfoWCLHqe" \
    "6ZcB9zEu71lbjsb5EIqOSoTP_JlJhAxHokGlYsNankA-akJAxjmbtVobvu5jQHDjeqEVALapqq5eFRqhHpA07xVYbDaoA71e" \
    "E4wbwICUAV5fsNOpCODav9Bd_wvSi27C3QDcTkaMhCaZDrfNAyK9AI2nvy6-FXyhyN7Oy-7l73qwcR8muk1TSbH0icnvaz37" \
    "52Gc73xDzlgf80BAG453qZkZ-ldmnRcIE59SCbJny4LrwAnhOHb6Kg2klU6fahPTGUFlAXcKpUqBExiyXK9r_ZWtlHQFDk4f" \
    "UOBpJix4Q\",\"e\":\"AQAB\"},{\"kty\":\"EC\",\"kid\":\"ec256\",\"crv\":\"P-256\",\"x\":\"kLIR7qcc0yYo-tfQ4YKu4QBZSKWu" \
    "anhPsraGHLE0xWQ\",\"y\":\"fUFfg7I1BdMBQMDBiRZUZkJSYcP0HtW0F03ZooQYw64\"},{\"kty\":\"EC\",\"kid\":\"ec384\",\"c" \
    "rv\":\"P-384\",\"x\":\"rZFVuKamJRuWY8TT1t3VNB-gtAPhychUdXvHCFhzriPjc0u6ZGiOdyGfslSvEqIg\",\"y\":\"78bvD7L7" \
    "oWk-Z7QrKOqTFxJ91lzUIBlowAAZ48333fRLxQ21O2WVwWfxlcrBrR2r\"},{\"kty\":\"EC\",\"kid\":\"ec512\",\"crv\":\"P-52" \
    "1\",\"x\":\"AbrxEvfyx5d0cPMG0EUoq6MgaTKrmU1KpNfEC2k1465Rx5UnxDRZAvlDgMepgiMgdA5YRWzVmYHJj4NHHnzBQO-1" \
    "\",\"y\":\"AW4lmyZVsYrOQtasuf-_cTpjhZ147VQ5-KG4iTU7s603pNNZellQ6f4NsXbgtPXUohtdzz6Mkqyugz3mtMeuwYWZ\"" \
    "},{\"kty\":\"EC\",\"kid\":\"x5c\",\"x5c\":[\"MIIBDzCBtaADAgECAgEBMAoGCCqGSM49BAMCMBExDzANBgNVBAMMBnNpZ25lcj" \
    "AeFw0yNDAxMDEwMDAwMDBaFw0zMzEyMjkwMDAwMDBaMBExDzANBgNVBAMMBnNpZ25lcjBZMBMGByqGSM49AgEGCCqGSM49Aw" \
    "EHA0IABJCyEe6nHNMmKPrX0OGCruEAWUilrmp4T7K2hhyxNMVkfUFfg7I1BdMBQMDBiRZUZkJSYcP0HtW0F03ZooQYw64wCg" \
    "YIKoZIzj0EAwIDSQAwRgIhAMHMaBt+YSkET4ge9g6VKDqGaweZ3Xz2iD3QlxY9IBazAiEA/beicHD8QNoOC8jD2ZW71ynQyL" \
    "L863OZ70e91AWkAwM=\"]},{\"kty\":\"RSA\",\"use\":\"enc\",\"kid\":\"enc\",\"n\":\"sTHJ1kKL2JfoErT_G84EMuKTHNb_CT0C" \
    "W4KdBfoWCLHqe6ZcB9zEu71lbjsb5EIqOSoTP_JlJhAxHokGlYsNankA-akJAxjmbtVobvu5jQHDjeqEVALapqq5eFRqhHpA" \
    "07xVYbDaoA71eE4wbwICUAV5fsNOpCODav9Bd_wvSi27C3QDcTkaMhCaZDrfNAyK9AI2nvy6-FXyhyN7Oy-7l73qwcR8muk1" \
    "TSbH0icnvaz3752Gc73xDzlgf80BAG453qZkZ-ldmnRcIE59SCbJny4LrwAnhOHb6Kg2klU6fahPTGUFlAXcKpUqBExiyXK9" \
    "r_ZWtlHQFDk4fUOBpJix4Q\",\"e\":\"AQAB\"},{\"kty\":\"oct\",\"kid\":\"oct\",\"k\":\"AAAA\"},{\"kty\":\"OKP\",\"kid\":\"okp" \
    "\",\"crv\":\"Ed25519\",\"x\":\"AAAA\"},{\"kty\":\"EC\",\"kid\":\"off\",\"crv\":\"P-256\",\"x\":\"AAAAAAAAAAAAAAAAAAAAAAA" \
    "AAAAAAAAAAAAAAAAAAAA\",\"y\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"},{\"kty\":\"RSA\",\"kid\":\"bad" \
    "\",\"n\":\"!\",\"e\":\"AQAB\"},5,{\"kty\":\"RSA\",\"kid\":\"even\",\"n\":\"sTHJ1kKL2JfoErT_G84EMuKTHNb_CT0CW4KdBfoWC" \
    "LHqe6ZcB9zEu71lbjsb5EIqOSoTP_JlJhAxHokGlYsNankA-akJAxjmbtVobvu5jQHDjeqEVALapqq5eFRqhHpA07xVYbDao" \
    "A71eE4wbwICUAV5fsNOpCODav9Bd_wvSi27C3QDcTkaMhCaZDrfNAyK9AI2nvy6-FXyhyN7Oy-7l73qwcR8muk1TSbH0icnv" \
    "az3752Gc73xDzlgf80BAG453qZkZ-ldmnRcIE59SCbJny4LrwAnhOHb6Kg2klU6fahPTGUFlAXcKpUqBExiyXK9r_ZWtlHQF" \
    "Dk4fUOBpJix4A\",\"e\":\"AA\"}]}"

#define SAMPLE_RS256 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.Brq9JyAHfFDbJmVDV4P72AV0qX-MOq4cO6xZRSuYPrA" \
    "5Ym1VR9MOZ0Ji7rj8rHQMygdfhl4ckl8mezKl2wZveTDgaJGFAgYje3Vf4Ps9nHt9ApmzilGqg35VsnL3k20fSmm2LJ8qDhp" \
    "owyYd9RlXwjlo-LKbkfIi7b3TD41eeKG2rfwYMYI_HLawiTjzw3Iwqg7188OQINKhOu2z1JOxmKArtdjKG0sPQvR1seHqgaa" \
    "UZ1hN7HopRls1aOFSh0w0dVYMeRR6MuGh30M-D4dp0gRfs9wTVW39oSCOs9zwtfvkBY5yHOBStoUlPBsv42ZdA9vjxJ2_vTB" \
    "2VR0byDGCTQ"
#define SAMPLE_RS384 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzM4NCIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.hWeTKAAeeFlDRyzRQp4EupDmE3VIdEEP-ZddtFJGDqP" \
    "V0DTnwdhhnHIWDUSYuxNWdf9x6FvOvqVfuJ3G2cNXsa_rq5c_42jGmIwOVR8ILQA7ybknlOk-QYZ-MSMrTijlX9B1_wsvCNP" \
    "CQZRNKZrlMLrPNXudWtvN8pZMcM76PpjF-S43FK7eyWf4cX_XPOZ0nnOBKywyF2FBXZl98oYuyGM14V0sxpUCg-cu9mSaoOc" \
    "aWcv1I00cuwd7muZwRSv0ecMTyONxOli06OQvTqQAf8PJcnfkefOgFoHkXqW24ID8YpyD1OxlLaC6SQSN1qpwEy-Oy38QJsH" \
    "3B5MQe3qVnA"
#define SAMPLE_RS512 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzUxMiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.qcSQyqIGBmY9tE1lm0N00uR35_WQE77m42dHFLVYB3N" \
    "ymlmkxlCpIhi2n3SL-8uDMIFQUoeG36sVrYPxSJvRkR-CJVT9QqX96ZuqJopx8MeXYspuB6EIExgnDTbzs2TF5zL5s_MhYDn" \
    "hTuO4trmLf3FmTwmqkfSav9sGODYtYPRSQXlr0E3NzXLQdXp4W5EI44Kdw63AxsoSr2VXSd8YUGBVv93KtHKadfxYsflSYIc" \
    "xld4qIINt0FBMOnsBZ4DuUwr2bEXcY90sl7ozhtp3JefOxdDbWnzSSMJl28m0IIUADIE_mrUmDAESMFva8BTXVBgmHmhejuJ" \
    "u_WwxOewamg"
#define SAMPLE_PS256 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJQUzI1NiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.NrSM7zflqhvHhZI5hw4p7IpuL2UbUvXDLZ-acCiJ8ey" \
    "wmx-_zq5gQXoLoyZ5yQ2hHacZPahLkNfl65moItHOr9QOREwNnu9UYhxLIkm_6HgjO5AkFwsw2slMKo7y5NjpK3n0g9ZMkf-" \
    "HcfhevHt1ba3HNL9xVIgZJvSjfVI_Y2qgzAKcEKWWvUXhCBgBTxL4AFtIMgkFJ65SOJoPf7p9mBNiXQi3ZZqc-GzbYNS5PBh" \
    "nWlm0ZdY6TksxU2ihV4PsOIYnJ39QS-f96dgpKw8Z8kTqTs16yYQuFcl67UsMWG0KdshoAbOFGEpni3KuM-HA2EJh7gVHi48" \
    "f_jA2aKyu0w"
#define SAMPLE_PS384 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJQUzM4NCIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.G17eYr8HUxmb4tcH8cHETYXFan_ZQb_yHf3RS-HFXA5" \
    "VEI4CMkvuvLeeXsusEZ4N4vBvgtBuFfrBD3yf5R3OOiUVFp01HN3kojoWg5DMmMOILOcm9777gHluz7wEU-lzMvZYLgESQh8" \
    "nfthnYsImzHN6n4pjm7OivP8jLK7zFwlM5wtB4beW_OMlqSO1S6KyERj21hAFSgCStLfubRcAoiM8PNNn5cyeGfDnrGzzcNR" \
    "A4sDT8W6mFpFEcp8kp9hX38L8rCZcKky-9lG3chXEhMivFXCDdnmo3jwaglCr19uXdelWENEXwhd1BZSQYTRYC7Zw8Zvm_aX" \
    "QgQtFxghIIQ"
#define SAMPLE_PS512 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJQUzUxMiIsImtpZCI6InJzYSJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.TSKki5AwHC5EZr-6m__wymS8z7A_25BWvv-yK_7HZbW" \
    "V5UsK7JgmB1Vk-OlWCRH87-T-RGGs5Dh-JLhdwsHYys-FqbaVz9kGO0mcmU5mtjIWA0ttGerOMDsik1gQxuBsJjdgBv7vcXq" \
    "lKJyKHLGS9c9mCilZOQZ88IFv2vF-Cnu2N8s1OzT3Egn6kuCBjshddMInIANKS7yAEDxXCoTWGVV7U7j6nsqsyiayoGDcTHX" \
    "k9U5MW13z-mv374fmA6bL-Twng7jGkghhX5_WYZjhFL7P-xvKDUDAXI6d5BRk01qjLKiS8PhMh_kzyEtLA_vDIsuCS_rhAoN" \
    "O6yLI1D_Gig"
#define SAMPLE_ES256 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiIsImtpZCI6ImVjMjU2In0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIs" \
    "ImF1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAs" \
    "ImV4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6" \
    "dHJ1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.pq38Qbc3qYa7_rf9nBglf1K6QIUJ7sg5flLUzGx-" \
    "2XqNzKV76cmnC1OBL-9qc4CVw4bEwDihh3od3Wawg98EpA"
#define SAMPLE_ES384 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzM4NCIsImtpZCI6ImVjMzg0In0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIs" \
    "ImF1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAs" \
    "ImV4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6" \
    "dHJ1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.RjCDSReN8BtNfAtGHzviPzEIjUl4TTJ0ljd2ftnv" \
    "eP1CIIz7dnmnud8C7Cq9DezFrqVLEVX1AKSwYf-ZHmT1-cu9KkNJNMBOEZehVNRY5I3f6cYpTPu3vV4ogcqgzEW8"
#define SAMPLE_ES512 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzUxMiIsImtpZCI6ImVjNTEyIn0.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIs" \
    "ImF1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAs" \
    "ImV4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6" \
    "dHJ1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.AEHjruU3fWQyjLAHoVE7tP22po3opn0W7jtM23J4" \
    "n3NyqBTVh69EwSZoJqWSbtI6pSRP83hkbMfeud_OO0ln4CdhAIKueOnP8-SAYuPRbhfLz2z0zyKbJvdkY5dA6qfOFxaOYyEc" \
    "JF-BRrbILnSUqFC3zQnW0wZj7mo5p7LCI2V7J1It"
#define SAMPLE_HS256 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF1ZCI6WyJhcGk6Ly9" \
    "hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV4cCI6MjAwMDAwMDA" \
    "wMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ1ZSwibm9uZSI6bnV" \
    "sbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.eGNDWz4xP2yZiSYalkH6qKaQySBsjcTt0-UicYSNlD8"
#define SAMPLE_HS384 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzM4NCJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF1ZCI6WyJhcGk6Ly9" \
    "hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV4cCI6MjAwMDAwMDA" \
    "wMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ1ZSwibm9uZSI6bnV" \
    "sbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.SZUuMwLsy9rqHSPRwKjP0Tclr5mx_NNlNAxiFDYTOemkeiiTv4HzS4wIETI" \
    "J14_a"
#define SAMPLE_HS512 \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzUxMiJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF1ZCI6WyJhcGk6Ly9" \
    "hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV4cCI6MjAwMDAwMDA" \
    "wMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ1ZSwibm9uZSI6bnV" \
    "sbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.VhfJnoq9DNZmVBZg_a5TcJQfsX-wQUQZHuImx8VBv2TNL2jhiWkXF2Uu3uO" \
    "K1yvQWRylei3OHyp04RwbAxnG3w"
#define SAMPLE_RS256_NO_ID \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF1ZCI6WyJhcGk6Ly9" \
    "hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV4cCI6MjAwMDAwMDA" \
    "wMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ1ZSwibm9uZSI6bnV" \
    "sbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.hAYyRQTyEiQV4Ha1BYa1k-dW11tpJj9Eb1C6POYKcHx4ShWmnVxo0Iwofqx" \
    "hs3EKhok2dz8QXzSbAFkG5lVpRkfiyxadSB1mK_tpxqowV39yugjywkTFwiGguVWOIx0C3luczYVNKh8vbzhilchx4-f9tBn" \
    "d_x0Q35aMGT8q2zquOEnheGIMIzu7BTQ_wFsovgXJtWqy0eUcxwOWXE7gMh9qrVnowqTPcHOyPyxAttqnsDn7tCWfEmfaUb9" \
    "PVQSgAZz53KDO3jcVIu2v7N5IOAykENssMftBVYc0ep2m47QdVsRuKA-vXnv491WvNAYRr2evmdtefkJWNCaDYM7xIg"
#define SAMPLE_RS256_OTHER_ID \
    "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiIsImtpZCI6Im5ldyJ9.eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlLyIsImF" \
    "1ZCI6WyJhcGk6Ly9hIiwiYXBpOi8vYiJdLCJzdWIiOiJzIiwibmJmIjoxMDAwMDAwMDAwLCJpYXQiOjEwMDAwMDAwMDAsImV" \
    "4cCI6MjAwMDAwMDAwMCwicm9sZXMiOlsicjEiLCJyMiJdLCJzY29wZSI6InggeSB6IiwibiI6NSwiZiI6MS41LCJvayI6dHJ" \
    "1ZSwibm9uZSI6bnVsbCwibyI6eyJhIjoxfSwidGlkIjoidC0xIn0.TmWQdSHMr4jt4phsh3heesKfZG4C7Rt84CdE_t5fL2K" \
    "Vkr1xIkXjIAu1IgLItkbe9m9KLzHUI7bVvq6sJar-vgXo3cqKzEu8MdC13JbGxwol7vUU6GYIyvGrw7q-ZMgTd_q7xhotygH" \
    "qrxbkDFayuwGeCSUJa2TAH5SNEYR_82Pp8g-gir5SLlzsV_Ag3OI1uHhchEYGv761YBokHjrq8bz-4HFuisovE0PpB8PocqR" \
    "G91ZjsEvO10kaLLui6GaUBuEOvOtH6gGW7mHBLLV7OdzhFxO28KrHsoMoBWDhXOT8jc9LoW9PKDGGrNhdJQZ3ImQ5nvEvwcd" \
    "u7oe55-a2KA"

/* SAMPLE_HS256 encrypted: with the bytes 0, 1, 2... (as many as it takes) or for SAMPLE_RSA_PEM of sample_keys.h. */
#define SAMPLE_BYTES_16 "AAECAwQFBgcICQoLDA0ODw=="
#define SAMPLE_BYTES_24 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
#define SAMPLE_BYTES_32 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define SAMPLE_BYTES_48 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"
#define SAMPLE_BYTES_64 "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw=="
#define SAMPLE_JWE_DIR_128 \
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiY3R5IjoiSldUIn0..T6lU5acI14LSeY7qv-gE8A.S9UUWrxK" \
    "mrbwXysXIcYSNm678RAJT-HHcEXAnYTuekwaUBu4H00r_OnaFlcgbE96x9QeGRx0TOnMsxl-xzj2Pp0BblBPQgiE-F9sLW5B" \
    "bEi_G6fF-E03OBbiqPt30XQYcD-B9Ab1iG1wPqlwMO5hfs24oJRopWPoAQ5GVLLVk5d6aRE03OKR1YH319XefmkWf0TACrqq" \
    "F-_CR6zM6297KOoqnVDRvwSyIJNPvQ1ijT_55hlK2_er7p2KNju8IcHwUdX0dcBK6UpWJsWaSRlEIq_ma3T52ogTustlUnw4" \
    "hZlvuvAwxgyy-uIgSCZDDqMjoDr_C9ylA4j9h0OiLvAGsQEq_6e2o_cwmFjkaMv6ErZS86aqPgZB9XnjthOuVZOfvdS6kw74" \
    "UYQwEQ-QSMk4Nd6pA0nTvyMyL-5S7Q1589OsSuiZ2d6Pzyrl1_uOSPfzaoj41cKgEyqiU0j_SLmf7A51ebL9PJOGR-GtaLuE" \
    "VUQROGYy_cDJVCeZ6XXPDu3d.ZuQY_XWvQST60zgDBLPYkQ"
#define SAMPLE_JWE_DIR_192 \
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTkyQ0JDLUhTMzg0IiwiY3R5IjoiSldUIn0..raVA-knJYyuKu_HkcDemcg.whK5OdX7" \
    "Y8Vws9dtFnit3LL1_HU5_peeNJMMQfyUcVGJa5hILPFqOGnn6iybAJttV67gzBox9I3AoRErItNIJwk7CkNrcFoTdF4lTojr" \
    "NWXGgjedevf-86RkmcpE4nOvymGRHIjsPLulPURsEbIOFFhmwAtWfonmB4W-l5vOhQfMb9tBuF7qa_hwkMolmvyEZcbeSxB2" \
    "iPPJ4EskmU-WAqYzgYVTLJSJY0oMQ04Xfa38_ggln3avLODTPVVQ6O5bMf4ZLzDqmO2u9jdGstxmrD6TN0whhA_ciRsgxBMq" \
    "O2f9SPJJRbfWWmPZMizoInLZTYvSE-wKsu3qH6RVWBj_Gqa-z5xQdS1SquSMf8c3ntbuPEt64IqNkt_dKZ3yESBVp1-SF2ut" \
    "H0fb454CYLit_qtwHfp6nhCUskBpIW5_mSfR57vceHGqC0boAfovO83Sjxe8alTL0_4IRSTAvHyBnpsfM-NS3n4X4NhFhSr7" \
    "ezft-WH4MGZ535SjR2NVx-p-.KECrIypCzggVynxZDm9L_aRgom85A0ob"
#define SAMPLE_JWE_DIR_256 \
    "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwiY3R5IjoiSldUIn0..vTHzkjhfwJv1XERuWbLvdw.SSOtUaL3" \
    "dTezS2qSesKrVOCuvp6yuPoUCt6pG0PbnPHecZwK_bYUN3Dn_jHZOm8C48ckFYV_4ooqg5MampDV-eMppPfPyg1hJnldtvTq" \
    "zoh83oQAge8XvdtaFFaNpHs7DOP0luWDi3WuXDCHwzy9PYhMUweiIVVyG6GdB0n4f1P-6BuUg1yV4cyVd5Ez5es2T2oSRJa2" \
    "L_4t-Vp97itlb-J4_CKgv-oX2BXernzDuhSR8XdJKoqOdhEMJLLZY_WOOQ8QF_Boli3WGNfRcSFeLzpgaFLIz1Foea7vQc09" \
    "kHQUAgPHJbX1vSYIebPvGgHEaWsC_2vb4vj64iX5icXbMSlEjxff2gwgovzLuBwXsUHoKPHrqCOwy3bED5EEL3QYCiHdNUYf" \
    "OY_m9nlsMyPyouNNhDd8ZxCFGKQyDc-jhKZs25oS9ELHvlthR4ZJXk62XMgIUsAUm9-fs-Tj1BK1X0DwR8EmEAJnIvFKvI5L" \
    "NBGdmPHs_RjjfhZhGbSX0SRc.nzU2Hvy9AT1Qnhag4A4KYek8q2jQ7XHt5DtSmoIqxbc"
#define SAMPLE_JWE_A128KW \
    "eyJhbGciOiJBMTI4S1ciLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwiY3R5IjoiSldUIn0.glL5KKeT-pAjH5GwYtUegh35rVsj" \
    "5cKuAEwBKolJbxZwAbd4TlodEuxMA49mzbcAyZAWHFz0wmhwv1LxkB7FYWEgSbXVP8wy.CwgEpy6H_u4bYajj9053Aw.2R0x" \
    "-doCRLGw0Upj27Y7kRDwMB-g8FzSh-bE7kY1dOoQSdLfxPNVNUaWXMjeyuYb7lwLJlfjM9_MtFgE2Yro8Zq1DUIIll5MsmRt" \
    "sFw4sfEyj_C1vaj3lfBnkDOIwYmKrGgHIn0KUDfxuMcFF0uqbyhFeOs-op7XEsQ7uu44HyN-cKD_u_qku4_mRcCgVg39Kijp" \
    "tkUoO1WdsvmXQweBwHFVBCj-9b5WOkxjfnv0PhGjtqmk8zUVxD6nU0Us15WrjzU7vF6J1edWLVUsNig9iZDPRtsp-0vEpEwt" \
    "ncrEFmhE-nDfhASWZoLKOfzgH0ScmFYfA6R_L-r9zNVB1WZjVbg8FY8deUmqKIcGUgKN25wNFPb5n1zOd00eSXVDQkSf4VN2" \
    "eazvkJ7yyODDzV69CvmEf-uzy6g5RjIFHHQPSTFwnx8wJzz7zpPILJMptWqtSvYPYBLF9yu5P-JS5kNT-GbwagxjEqxFowNW" \
    "4fIG46g-g4fL-zvvcEJ2yq_Y8WEr.S1s5zKu1qCeg8Rd9jDMtbyy7wS2mAVKlnZqJFw3H7_o"
#define SAMPLE_JWE_A192KW \
    "eyJhbGciOiJBMTkyS1ciLCJlbmMiOiJBMTkyQ0JDLUhTMzg0IiwiY3R5IjoiSldUIn0.To9vanrOsqPgyjBK1xaic5w5hkEs" \
    "awi8F2F0lP2B_We4xGhwgBwR7lI1ns_yWNOd9Tf4yP0Ce0A.nSG-UcTlCg-1B_Xh-d7YIw.4pz2yh5NTlJaudXUu3ofpA4_m" \
    "8OHHLg8QyAxeRkxd47HzsJ2ttJs3-e_NSffYJcX3lnxAWYeEABOmEEPSOMZpAUjqRPNykrAAvt702YdLYxy8uih91-vV4PPM" \
    "0B6q0ItvKuUkBg9CtnbVtlGK3dd571POxrLpVVim-COvrw5raUms5g0nQirEmuyvYLxK375nO4xv3bk8XgXKh4nQ9UkCSG_E" \
    "Foe-qOtKSHnPQXEGT_Fv7AT8cBDm5mqds1q33zm6D8zbUAvmxfVugPR38bsvMfzFaxsEQM_q12NmgCMAOjkjrOkHa9vQaw9q" \
    "0s7w0N87OL8hgX1EQSTeMZ2fvafi3Cpl7B1COz0FdICqKXm_QM0nfRqaJVLi2Z-_8Q-fz4cFgj9SqUlqY0bYV2L11PZM2zeI" \
    "o2uiViTDkn9ihTqtm4cBqJWX6Hmwluw6EiqN4tkNDXdBXN-y_tvePWlltTndmwmsBBLBr_j4g7FGCQxq-U4orAm5km4hECnQ" \
    "T6dKJLK.Rn2qMgVj6UvCpJf50kya4FcasG0sVdL-"
#define SAMPLE_JWE_A256KW \
    "eyJhbGciOiJBMjU2S1ciLCJlbmMiOiJBMTI4Q0JDLUhTMjU2IiwiY3R5IjoiSldUIn0.fENyVYQ9OhrDF4WfMJnadNcZagRX" \
    "HEiolncwSi8HA7pXb6VbfdVhbA.E9PeUen2bgRwmrjgAInh4w.GmTtQGIKswxtXIdB4D7wfB-vx-vJxQRcQQg0wd8bhSVsp0" \
    "d5IFAD0Y8DXsb9giTzgqz3QpQyhCmCedC3kRBaNkn4JvqwsMJTtlGEuNUviLZd4HGE4u8Hn5rKpeZ1a_PEZ1ahlnfAtL1Oey" \
    "a7DZ20QFyg36qUyfCTZQDn0kXZo49emhZLl_0mD7edgFqiaa-6fZxah0VZOEZ72ssDaVct8ZHSqilT7qNu4K33-oUIeYaY2P" \
    "8bXPGWUQlKi2QGCd1bFCCXivMyE8egH1WwEQyDChOYG2LeqSZx8nkG32zFw5PPTxe4_kRz5n7jUNAVf26qVRKoNGFOfWo02e" \
    "JyHl0JvTfQQZ6-pAie5ECkHPudQFHowmabHcl8aM4uJK5OrHE8RMPVnGTyFSAGL6eXcdgkTudX_kTShjG9Bpo5GgV2smBqIx" \
    "2349vAk1qyoJ1VOUixYkD7bseZajijKHXYHtu6sywJpPtlMs_0nfjJxNNV0sfD1VuizfUZftWMNSHfoms6.wIrxVKR2b_yjG" \
    "Dj-t-SzvA"
#define SAMPLE_JWE_OAEP \
    "eyJhbGciOiJSU0EtT0FFUCIsImVuYyI6IkExMjhDQkMtSFMyNTYiLCJjdHkiOiJKV1QifQ.ncKT-XzJmFKuynW2MZUDJrYQK" \
    "qM62B0fh8vFaAC3Tq1RndvDTYhosZGc2YxH5wN9w1dAmOIUggRnXovO7vpCXH1CriBI02AGOIEc0U4Lynl1ZFCn1Rp7Sy78D" \
    "ruNao_DbqAioCmu3UIBkOKyGUZV3fos9LpiWVKu3RiwP_uPix9WhVZUqFjCsTVomsn2vUsgpxumum0SxE8GAjZPvfPWZ2tS-" \
    "rWJsZLbgVwmx0G6konxTYh8d9Y2-Eu1nZff_MuFdJsek6eWqRhNuhm47vzUwzKpCZQ0w6ifgV4RGsEbX4iJk7d9NmmvwBodM" \
    "Cv0yY7oQa_EsExL0WqYdLRFJDoQVQ.1npNDrNU_H3CpTgeRO9D6g.P6jMGZm4G0KK7CUrWQJmRDTqLdNGTMk6TlCpUK3CZ62" \
    "5PUgaIbo3K9XcJja9_L9GUHAPkRbgMomeyuFuyJklz6ubmXQ0c9bUr0eRzIVD6mScCWSo-nB6me3i1EUCMLKIxqunChjBOf3" \
    "5H74aEygUOFFpEb5PqoTVSrGBnkoWAcagZvw5_Xj80jHlAAKAUvWpQi7_lTlfIn9HDu86AQmkYmq_pVOck4F123UPS-73k0e" \
    "61UuG-hULmSWYKhrSBQSmZ22L8wYRki7OqgF-THZT37KbCKEBk2AhiQBCaICxsLbKwqwY_alXWeu7VDvjFSbRmy-usAaL4GN" \
    "xEBPCBP4NT8k_jZ5d9AEVzzKQ5tTqWhdktKUq8Q8qTVi_ywzJQG1jRSfMLTOkhnG5yJjSt3JMrN74VoFle-cAAvffzLlLp9W" \
    "FtfFgX00Ed5YqX-rG5yCy7wthqtgTqgBuKH9C0rDcbo9exJ0ISoTdRhWy7xfMmpNb_WSrsXSs-QSG8MAqkTsf.79T8JtQz3f" \
    "pazQ2Jcm_8hQ"
#define SAMPLE_JWE_OAEP_256 \
    "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2Q0JDLUhTNTEyIiwiY3R5IjoiSldUIn0.MbC7mARu7M_u95LNi-Db" \
    "Liz5h9ZJia82G5DHEuT28rRIkW6EosaZeRD2Csuw-PVXyDxvvQMS6Ww7ZFWrw7Vx3NJ83u9wuyZdrMoLE0NvkgAYQhiroaEA" \
    "qd6UgiJhSXXGNoOajfXBRlIFlbQQd3ic-agoh5vzdHI6LKAUakaUKllax_ZJiia9sJG0GoUHkNx49xLqN2JLFVub84lED9qe" \
    "4GjXBttLi4Q9lgnrGFQjg_gY1bZFo-bnyNtbBlcE5AmOS61pPcnF6WxAgdOynZGkmsemkSVCDZ5XGd9WtoNs8KI5W3eEYdQQ" \
    "fVq8lsqP2lZeqzTto1SgqGP59PinHJh9ZQ.P3GDP6-nX4Fh0F0Ksb7X3Q.5EQO8y6plg0xo5WvDOozvbBf94vyMqreIN7P8V" \
    "dgu7B2pWG_6hNT1QwppDHTHHPHyWesCIVCntSgGGmDoYox5y6c1Qc0OdQrVhagvUwFfrENHOShgUComDpGThSiJ3wLvyh0DO" \
    "GHNBzjoE1EirpCtEduQRxTQHRyOrUhBcQkzOTobkEWPEkW5ocDfAxbom7mg3I_0IS89ogTpQqUyrN3dHCVJPhv_QDfl6eyYB" \
    "4yReU_rN582wqOo2C6D_5ihMlspvo3Buqh1DgLqy3G41ivIX6YyQXpmq5XT4r99dsvT9IuSOvcngpL5WD4779b2q5qk5ZAkX" \
    "auTUWnvh6RPux1x18qcPDzg8th9S-atvWCKjRtKMsca9LGCYdw_nJ0iANfa-Bx7koKf8rnFU08NKe9udk5YyiX72rM-VRR0-" \
    "iFiI-Kq6aC8h43enR0h148xS2W6AKkFQKN_quhkrY6F0swodGhwnEsfDpcL4vbI0_FvRNZCEu6ebMMwCFZVT6KpgHS.HqBZp" \
    "PSKCTLQGQs1BEG0TLem675qwwZBDd8paTwj7C8"

#endif
