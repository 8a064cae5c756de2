"""Currencies of ISO 4217 and how many decimals each has."""

TWO = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
    COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
"""
NONE = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE = "BHD IQD JOD KWD LYD OMR TND"
FOUR = "CLF UYW"
WITHDRAWN = "ANG BGN CUC HRK LTL LVL EEK MRO SLL STD VEF ZMK ZWL"
"""Replaced since 2011; papers of those years still name them. All had two decimals."""

DIGITS: dict[str, int] = {
    **dict.fromkeys(WITHDRAWN.split(), 2),
    **dict.fromkeys(TWO.split(), 2),
    **dict.fromkeys(NONE.split(), 0),
    **dict.fromkeys(THREE.split(), 3),
    **dict.fromkeys(FOUR.split(), 4),
}
"""Code → decimals. Metals, bond units and test codes are left out: the standard gives them no decimals."""
