//! What the stable hash is, for ever: computed by another program than the one under test.

/// Of the first 0, 1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 100 and 256 bytes of 0, 1, 2 and so on, with the seed 7.
pub(super) const BYTES: [u64; 17] = [
    0x0890_1E3C_499E_E52D,
    0xFDEF_D232_F663_4202,
    0xA83D_3959_CF79_7212,
    0x7198_757B_813A_8A52,
    0xE3DB_696C_4D39_ED6F,
    0x21EE_11C6_6493_3B2E,
    0xCBFF_CA3D_DFAC_6CFC,
    0xA695_6F45_4861_38F0,
    0x9848_377A_5600_8445,
    0xFA51_F884_98EE_2B71,
    0xA501_ACE6_44B6_F922,
    0xE098_8192_B334_42FC,
    0x3446_59DE_C40D_71C5,
    0xB9BD_7BDC_1246_1A5A,
    0xE6C7_D9B8_5398_543C,
    0x8466_56BF_60D1_B740,
    0x2594_0BE0_8E6B_1B35,
];

/// Of numbers and other values, with the seeds 0 and `u64::MAX`.
pub(super) const NUMBERS: [u64; 10] = [
    0xE5CF_5140_485B_BFF9,
    0x03A4_C8C3_2609_AFDE,
    0x5CC4_BF4B_3BD2_3982,
    0xB6D5_7557_EFDE_B5ED,
    0x174F_DFBE_EBF2_90CE,
    0x3B09_F2F1_93FC_D17B,
    0x4152_E58E_2EB5_EC3E,
    0x63A5_0B47_81DB_A804,
    0x3E37_5AD2_C7B3_DF7E,
    0xB490_7F67_280B_E23E,
];
